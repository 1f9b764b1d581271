import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inOwnNetwork } from '../native/own-network.js';

/** Two prefixes of IPv6, all of whose addresses are this host's (root; ends with the process that has it). */
const TOPOLOGY = `
  ip link set lo up
  sysctl -qw net.ipv6.ip_nonlocal_bind=1
  ip -6 route add local fd00:66::/64 dev lo
  ip -6 route add local fd00:7::/64 dev lo
`;

const CHILD = fileURLToPath(new URL('own-network-child.js', import.meta.url));

describe('servers in a network of their own', () => {
  it('an IPv6 /64 is one source: it can neither fill the table nor take more than its rate', async () => {
    assert.deepEqual(await inOwnNetwork(TOPOLOGY, CHILD, 'one-64'), { addresses: 1000 });
  });

  for (const server of ['rendezvous', 'registry']) {
    it(`a receive that fails is counted and reported, and does not end it (${server})`, async () => {
      const outcome = await inOwnNetwork(TOPOLOGY, CHILD, 'receive-error', server);
      assert.deepEqual(outcome, { told: 1, counted: 1, answered: true });
    });
  }
});
