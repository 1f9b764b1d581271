import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OriginalPrograms, originalConnects } from '../../src/compare/original-programs.js';
import { createLab } from '../../src/lab/index.js';
import { crossedByOriginal, NAT_PAIRS, pairName } from './nat-pairs.js';

/** Far more than the 3 s that a connection takes: WireGuard repeats a lost handshake after 5 s only. */
const TIMEOUT_MS = 20_000;

describe('the original client and server', { concurrency: 8 }, () => {
  let programs: OriginalPrograms;
  before(async () => {
    programs = await OriginalPrograms.compile();
  });
  after(() => programs[Symbol.dispose]());

  for (const pair of NAT_PAIRS) {
    const expected = crossedByOriginal(pair);
    it(`${expected ? 'connect' : 'do not connect'} ${pairName(pair)}`, async () => {
      const [first, second] = pair;
      await using lab = await createLab({ hosts: { a: { nat: first }, b: { nat: second } } });
      const connected = await originalConnects(programs, lab, ['a', 'b'], TIMEOUT_MS);
      assert.equal(connected, expected);
      if (connected) {
        const [a, b] = [lab.host('a').wireguard, lab.host('b').wireguard];
        assert.deepEqual(await a.endpointOf(b.publicKey), await lab.mappedEndpoint('b', 'a'));
        assert.deepEqual(await b.endpointOf(a.publicKey), await lab.mappedEndpoint('a', 'b'));
      }
    });
  }
});
