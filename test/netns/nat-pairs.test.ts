import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, type Lab } from '../../src/lab/index.js';
import { crossedByOriginal, NAT_PAIRS, pairName } from './nat-pairs.js';
import { connected, startClient, startServer } from './our-programs.js';

/** Each side has the endpoint that the other side's packets really come from. */
async function endpointsAreReal(lab: Lab<'a' | 'b'>): Promise<void> {
  const [a, b] = [lab.host('a').wireguard, lab.host('b').wireguard];
  assert.deepEqual(await a.endpointOf(b.publicKey), await lab.mappedEndpoint('b', 'a'));
  assert.deepEqual(await b.endpointOf(a.publicKey), await lab.mappedEndpoint('a', 'b'));
}

describe('our client and server connect what the original connects', { concurrency: 4 }, () => {
  for (const pair of NAT_PAIRS.filter(crossedByOriginal)) {
    it(pairName(pair), async () => {
      const [first, second] = pair;
      await using lab = await createLab({ hosts: { a: { nat: first }, b: { nat: second } } });
      const server = lab.rendezvous;
      await startServer(server);
      const clients = [lab.host('a'), lab.host('b')].map((host) =>
        startClient(host, server.address),
      );
      await connected(lab, ['a', 'b']);
      await endpointsAreReal(lab);
      for (const client of clients) {
        assert.deepEqual(await client.stop(), { code: 0, signal: null });
      }
    });
  }
});
