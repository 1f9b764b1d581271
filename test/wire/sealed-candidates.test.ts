import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { decodeCandidates, encodeCandidates } from '../../src/wire/sealed-candidates.js';
import { hex } from './codec.js';

const IPV4 = parseEndpoint('192.168.1.2:51820');
const IPV6 = parseEndpoint('[fd00::2]:51820');

test('candidates are encoded as family, port and address, padded with zeros', () => {
  const bytes = encodeCandidates([IPV4, IPV6]);
  const expected = `04 ca6c c0a80102 06 ca6c fd000000000000000000000000000002 ${'00'.repeat(22)}`;
  assert.deepEqual(bytes, hex(expected));
  assert.deepEqual(decodeCandidates(bytes), [IPV4, IPV6]);
  assert.deepEqual(decodeCandidates(encodeCandidates([])), []);
});

test('candidates are encoded in order, as many as fit', () => {
  const many = Array.from({ length: 9 }, (_, i) => ({ ...IPV4, port: 1000 + i }));
  assert.deepEqual(decodeCandidates(encodeCandidates(many)), many.slice(0, 6));
  assert.deepEqual(decodeCandidates(encodeCandidates([IPV6, IPV6, IPV6])), [IPV6, IPV6]);
});

test('candidates are encoded without zones', () => {
  const linkLocal = parseEndpoint('[fe80::1%eth0]:51820');
  assert.deepEqual(decodeCandidates(encodeCandidates([linkLocal])), [
    parseEndpoint('[fe80::1]:51820'),
  ]);
});

test('candidates of another length, family or address length are refused', () => {
  const bytes = encodeCandidates([IPV4]);
  for (let length = 0; length < 60; length++) {
    assert.equal(decodeCandidates(new Uint8Array(length)) !== undefined, length === 48);
  }
  assert.equal(decodeCandidates(Uint8Array.from(bytes).fill(5, 7, 8)), undefined);
  assert.equal(decodeCandidates(Uint8Array.from(bytes).fill(4)), undefined);
});

test('decoding random bytes as candidates never throws', () => {
  const first = fc.constantFrom(4, 6, 0, 200);
  const rest = fc.uint8Array({ minLength: 47, maxLength: 47 });
  fc.assert(
    fc.property(first, rest, (family, bytes) => {
      decodeCandidates(Uint8Array.of(family, ...bytes));
    }),
  );
});
