import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import {
  CANDIDATES_LENGTH,
  type Candidate,
  decodeCandidates,
  encodeCandidates,
} from '../../src/wire/sealed-candidates.js';
import { hex } from './codec.js';

const IPV4 = parseEndpoint('192.168.1.2:51820');
const IPV6 = parseEndpoint('[fd00::2]:51820');
const RUN = 1_700_000_000_123;
const NAT = hex('0102030405060708');

const host = (endpoint: Candidate['endpoint']): Candidate => ({ type: 'host', endpoint });
const of = (...candidates: Candidate[]) => ({ run: RUN, nat: NAT, candidates });
const decoded = (bytes: Uint8Array) => decodeCandidates(bytes)?.candidates;

test('candidates are encoded as version, NAT and run, then type, family, port and address, padded', () => {
  const known = of(host(IPV4), { type: 'port-mapped', endpoint: IPV6 });
  const bytes = encodeCandidates(known);
  const header = '01 000000 0102030405060708 400000006553f10a 0754d4c0';
  const list = '0104 ca6c c0a80102 0306 ca6c fd000000000000000000000000000002';
  assert.deepEqual(bytes, hex(`${header} ${list} ${'00'.repeat(CANDIDATES_LENGTH - 52)}`));
  assert.deepEqual(decodeCandidates(bytes), known);
  assert.deepEqual(decodeCandidates(encodeCandidates(of())), of());
});

test('candidates are encoded in order, as many as fit: 8 of IPv4 and 6 of IPv6', () => {
  const ipv4 = Array.from({ length: 8 }, (_, i) => host({ ...IPV4, port: 1000 + i }));
  const ipv6 = Array.from({ length: 6 }, (_, i) => host({ ...IPV6, port: 1000 + i }));
  assert.deepEqual(decoded(encodeCandidates(of(...ipv4, ...ipv6))), [...ipv4, ...ipv6]);
  assert.equal(decoded(encodeCandidates(of(...ipv6, ...ipv6)))?.length, 9);
});

test('candidates are encoded without zones', () => {
  const linkLocal = host(parseEndpoint('[fe80::1%eth0]:51820'));
  assert.deepEqual(decoded(encodeCandidates(of(linkLocal))), [
    host(parseEndpoint('[fe80::1]:51820')),
  ]);
});

test('candidates of another length, version, type, family or address length are refused', () => {
  const bytes = encodeCandidates(of(host(IPV4)));
  for (let length = 0; length < 300; length++) {
    const other = new Uint8Array(length).fill(1, 0, 1);
    assert.equal(decodeCandidates(other) !== undefined, length === CANDIDATES_LENGTH);
  }
  const changed = (at: number, value: number) => Uint8Array.from(bytes).fill(value, at, at + 1);
  assert.equal(decodeCandidates(changed(0, 2)), undefined, 'version');
  assert.equal(decodeCandidates(changed(24, 5)), undefined, 'type');
  assert.equal(decodeCandidates(changed(25, 5)), undefined, 'family');
  const full = encodeCandidates(of(...Array.from({ length: 23 }, () => host(IPV4))));
  full[CANDIDATES_LENGTH - 8 + 1] = 6;
  assert.equal(decodeCandidates(full), undefined, 'address beyond the end');
});

test('decoding random bytes as candidates never throws', () => {
  const length = CANDIDATES_LENGTH - 1;
  const rest = fc.uint8Array({ minLength: length, maxLength: length, size: 'max' });
  fc.assert(
    fc.property(fc.constantFrom(0, 1, 200), rest, (version, bytes) => {
      decodeCandidates(Uint8Array.of(version, ...bytes));
      decodeCandidates(Uint8Array.of(1, ...bytes.subarray(0, 23), 1, 4, ...bytes.subarray(25)));
    }),
  );
});
