import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inOwnNetwork } from './own-network.js';

/**
 * A network of its own (root; ends with the process that has it): two interfaces that are each other's
 * far end, several IPv6 addresses on one host, and a neighbour that never answers.
 */
const TOPOLOGY = `
  ip link set lo up
  ip addr add fd00:9::2/128 dev lo nodad
  ip addr add fd00:9::3/128 dev lo nodad
  ip link add near type veth peer name far
  sysctl -qw net.ipv4.neigh.near.unres_qlen_bytes=100000000
  sysctl -qw net.ipv6.conf.near.accept_dad=0 net.ipv6.conf.far.accept_dad=0
  ip addr add 10.9.0.1/24 dev near
  ip link set near up
  ip link set far up
`;

const CHILD = fileURLToPath(new URL('udp-batch-network-child.js', import.meta.url));

function inNetwork(...scenario: string[]): Promise<unknown> {
  return inOwnNetwork(TOPOLOGY, CHILD, ...scenario);
}

describe('the UDP batch in a network of its own', () => {
  it('answers over IPv6 from the address that the request was sent to', async () => {
    assert.deepEqual(await inNetwork('asked-address'), ['fd00:9::2', 'fd00:9::3', '::1']);
  });

  it('answers link-local addresses through the interface they came by', async () => {
    assert.deepEqual(await inNetwork('link-local'), { echoed: true, sent: 1 });
  });

  it('drops and counts datagrams that a full send queue does not take', async () => {
    const { attempted, sent, next } = (await inNetwork('full-queue')) as Record<string, number>;
    assert.ok(sent !== undefined && attempted !== undefined);
    assert.ok(sent > 0 && sent < attempted, `${sent} of ${attempted} sent`);
    assert.equal(next, 0);
  });

  const unreachable = { sent: 0, arrived: 0, messages: 0 };
  const whole = { sent: 128, arrived: 128, messages: 2 };

  it('sends equal datagrams to one destination as one message of 64 segments, also after an unreachable one', async () => {
    assert.deepEqual(await inNetwork('segments'), [unreachable, whole, whole, whole]);
  });

  it('sends them one by one, in fragments, where segments exceed the MTU, and for 1000 batches after', async () => {
    const apart = { sent: 128, arrived: 128, messages: 128 };
    assert.deepEqual(await inNetwork('segments', '900'), [unreachable, apart, apart, whole]);
  });

  for (const implementation of ['native', 'dgram']) {
    it(`counts and reports a receive that fails, and goes on (${implementation})`, async () => {
      const outcome = await inNetwork('receive-error', implementation);
      assert.deepEqual(outcome, { told: ['ECONNABORTED'], errors: 1, echoed: 'still there?' });
    });
  }

  it('bounds the queue of node:dgram while the send queue is full', async () => {
    const outcome = (await inNetwork('dgram-queue')) as Record<string, number>;
    const { attempted, handed = 0, sent = 0, sendDrops, accounted } = outcome;
    assert.ok(handed - sent <= 4096, `${handed} handed over, ${sent} sent`);
    assert.ok(handed >= 4096, 'a batch and what it brings about has room');
    assert.equal(sendDrops, (attempted ?? 0) - handed);
    assert.equal(accounted, attempted);
  });
});
