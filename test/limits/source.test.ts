import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceAt } from '../../src/limits/source.js';
import { addressBytes, type Family } from '../../src/wire/endpoint.js';

function networks(address: string, low = 5): readonly number[] {
  const words = new Uint32Array(6);
  new Uint8Array(words.buffer, 8).set(addressBytes(address));
  const family: Family = address.includes(':') ? 6 : 4;
  return sourceAt(words, 2, family, { low, high: 6 }).hashes;
}

/** How many networks of two addresses are the same, counted from the widest. */
function shared(a: string, b: string): boolean[] {
  const [first, second] = [networks(a), networks(b)];
  return first.map((hash, i) => hash === second[i]);
}

test('an IPv4 address counts as itself and in its /24', () => {
  assert.deepEqual(shared('192.0.2.1', '192.0.2.1'), [true, true]);
  assert.deepEqual(shared('192.0.2.1', '192.0.2.2'), [false, true]);
  assert.deepEqual(shared('192.0.2.1', '192.0.3.1'), [false, false]);
});

test('an IPv6 address counts in its /64, /56, /48 and /32', () => {
  const address = '2001:db8:1:101::1';
  assert.deepEqual(shared(address, '2001:db8:1:101:ffff::2'), [true, true, true, true]);
  assert.deepEqual(shared(address, '2001:db8:1:102::1'), [false, true, true, true]);
  assert.deepEqual(shared(address, '2001:db8:1:201::1'), [false, false, true, true]);
  assert.deepEqual(shared(address, '2001:db8:2:101::1'), [false, false, false, true]);
  assert.deepEqual(shared(address, '2001:db9:1:101::1'), [false, false, false, false]);
});

test('the hashes of networks depend on the secret key', () => {
  const [a, b] = [networks('192.0.2.1', 5), networks('192.0.2.1', 7)];
  assert.ok(a.every((hash, i) => hash !== b[i]));
});
