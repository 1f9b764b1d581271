import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registryPeer } from '../../../src/client/dns/registry-peer.js';
import { formatPublicKey } from '../../../src/wire/key.js';
import { P, peer, Q } from '../bench.js';

/** Which of P and Q an address belongs to, by their allowed IPs. */
function owner(address: string, p: readonly string[], q: readonly string[] = []): string {
  const peers = [peer({ allowedIps: p }), peer({ publicKey: Q, allowedIps: q })];
  const key = registryPeer({ publicKey: undefined, listenPort: 1, fwmark: 0, peers }, address);
  return key === formatPublicKey(P) ? 'P' : key === formatPublicKey(Q) ? 'Q' : 'none';
}

test('the registry is the peer with the longest allowed IP around its address', () => {
  assert.equal(owner('10.9.0.1', ['10.9.0.1/32'], ['10.9.0.2/32']), 'P');
  assert.equal(owner('10.9.0.1', ['10.9.0.0/24'], ['10.9.0.2/32', '10.9.0.1/32']), 'Q');
  assert.equal(owner('10.9.0.1', ['10.9.0.0/24'], ['10.0.0.0/8']), 'P');
  assert.equal(owner('fd00::1', ['10.9.0.1/32', 'fd00::/64'], ['fd00::2/128']), 'P');
  assert.equal(owner('fd00::1', ['fd00::2/127'], ['fd00::1/128']), 'Q');
  assert.equal(owner('fe80::1%br-lan.7', ['fe80::1/128']), 'P');
});

test('an address outside of the tunnel belongs to no peer', () => {
  assert.equal(owner('198.51.100.1', ['10.9.0.1/32'], ['10.9.0.2/32']), 'none');
  assert.equal(owner('fd00::1', ['0.0.0.0/0'], []), 'none');
  assert.equal(owner('not an address', ['10.9.0.1/32']), 'none');
});

test('a way out into the world is no registry', () => {
  assert.equal(owner('10.9.0.1', ['0.0.0.0/0', '::/0']), 'none');
  assert.equal(owner('10.9.0.1', ['0.0.0.0/1', '128.0.0.0/1']), 'none');
  assert.equal(owner('2001:db8::1', ['2000::/3']), 'none');
  assert.equal(owner('10.9.0.1', ['0.0.0.0/0'], ['10.9.0.1/32']), 'Q');
});
