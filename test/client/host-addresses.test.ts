import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reachableFirst } from '../../src/client/host-addresses.js';
import { endpoint } from '../../src/wire/endpoint.js';

const FOUND = [endpoint('2001:db8::2', 51820), endpoint('192.0.2.2', 51820)] as const;
const IPV4 = endpoint('10.0.0.1', 1);

test('a host without IPv6 tries IPv4 first, but also IPv6', () => {
  assert.deepEqual(reachableFirst(FOUND, [IPV4]), [FOUND[1], FOUND[0]]);
  assert.deepEqual(reachableFirst([FOUND[0]], [IPV4]), [FOUND[0]]);
});

test('a host with IPv6 keeps the order', () => {
  assert.deepEqual(reachableFirst(FOUND, [IPV4, endpoint('fd00::1', 1)]), FOUND);
});
