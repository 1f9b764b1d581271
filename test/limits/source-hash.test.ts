import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceHash } from '../../src/limits/source-hash.js';
import { addressBytes, type Family } from '../../src/wire/endpoint.js';

function hash(address: string, low = 5): number {
  const words = new Uint32Array(6);
  new Uint8Array(words.buffer, 8).set(addressBytes(address));
  const family: Family = address.includes(':') ? 6 : 4;
  return sourceHash(words, 2, family, { low, high: 6 });
}

test('a source is an IPv4 address', () => {
  assert.equal(hash('192.0.2.1'), hash('192.0.2.1'));
  assert.notEqual(hash('192.0.2.1'), hash('192.0.2.2'));
});

test('a source is an IPv6 /64', () => {
  assert.equal(hash('2001:db8:0:1::1'), hash('2001:db8:0:1:ffff::2'));
  assert.notEqual(hash('2001:db8:0:1::1'), hash('2001:db8:0:2::1'));
});

test('the hash depends on the secret key', () => {
  assert.notEqual(hash('192.0.2.1', 5), hash('192.0.2.1', 7));
});
