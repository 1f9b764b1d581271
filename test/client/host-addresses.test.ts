import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostAddresses, reachableFirst } from '../../src/client/host-addresses.js';
import { endpoint } from '../../src/wire/endpoint.js';

const FOUND = [endpoint('2001:db8::2', 51820), endpoint('192.0.2.2', 51820)] as const;

test('an address that comes or goes is a change, but not that of a container', () => {
  const addresses = new HostAddresses();
  const eth0 = [{ address: '192.0.2.7' }];
  const container = { veth12ab: [{ address: 'fe80::1' }], docker0: [{ address: '172.17.0.1' }] };
  assert.equal(addresses.haveChanged({ eth0 }), true, 'the first time');
  assert.equal(addresses.haveChanged({ eth0 }), false);
  assert.equal(addresses.haveChanged({ eth0, ...container }), false);
  assert.equal(addresses.haveChanged({ eth0: [...eth0, { address: '192.0.2.8' }] }), true);
  assert.equal(addresses.haveChanged({ eth0 }), true);
  assert.equal(addresses.haveChanged({ eth0, wlan0: [{ address: '198.51.100.7' }] }), true);
});

test('a host without IPv6 tries IPv4 first, but also IPv6', () => {
  assert.deepEqual(reachableFirst(FOUND, false), [FOUND[1], FOUND[0]]);
  assert.deepEqual(reachableFirst([FOUND[0]], false), [FOUND[0]]);
});

test('a host with IPv6 keeps the order', () => {
  assert.deepEqual(reachableFirst(FOUND, true), FOUND);
});
