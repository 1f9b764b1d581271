import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlowSystem, FlowTranslation } from '../../../src/client/paths/flow-translation.js';
import { X } from '../bench.js';

test('a flow whose translation could not be ended stays, to be ended later', async () => {
  let fails = false;
  const forgotten: number[] = [];
  const system: FlowSystem = {
    nft: async () => {
      if (fails) {
        throw new Error('nft took too long');
      }
      return '{"nftables": []}';
    },
    forget: ({ port }) => forgotten.push(port) > 0,
  };
  const translation = new FlowTranslation('wg0', system);
  await translation.move({ remote: X, port: 40_000, listenPort: 51_820 }, '192.0.2.1');
  fails = true;
  await assert.rejects(translation.end(X, '192.0.2.1'), /too long/);
  assert.equal(translation.flows.length, 1);
  fails = false;
  forgotten.length = 0;
  await translation.end(X, '192.0.2.1');
  assert.equal(translation.flows.length, 0);
  assert.deepEqual(forgotten, [51_820], 'the next packet is translated anew');
});
