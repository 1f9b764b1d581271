import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import {
  decodeResponsePayload,
  encodeResponsePayload,
  STATUS,
} from '../../src/wire/sealed-response.js';
import { encodeTai64n } from '../../src/wire/tai64n.js';
import { hex, testHostileBytes } from './codec.js';

const welcome = {
  status: STATUS.welcome,
  tookWant: false,
  ttlSeconds: 180,
  maxWanted: 4096,
  relays: false,
  clockMs: 1_700_000_000_000,
  latest: undefined,
  observed: parseEndpoint('203.0.113.7:51820'),
  otherPort: 49_919,
};

testHostileBytes('response payload', decodeResponsePayload, encodeResponsePayload(welcome));

test('a response payload has the bytes of the document', () => {
  const bytes = encodeResponsePayload(welcome);
  const expected = `00 00 b400 0010 0000 400000006553f10a 00000000 cb007107 ca6c c2ff ${'00'.repeat(4)}`;
  assert.deepEqual(bytes, hex(expected));
  assert.deepEqual(decodeResponsePayload(bytes), welcome);
  const taken = encodeResponsePayload({ ...welcome, tookWant: true });
  assert.deepEqual(taken, hex(expected.replace('00 00', '00 01')));
  assert.equal(decodeResponsePayload(taken)?.tookWant, true);
});

test('a response payload says whether the server relays', () => {
  const bytes = encodeResponsePayload({ ...welcome, relays: true });
  assert.equal(bytes[6], 1);
  assert.equal(decodeResponsePayload(bytes)?.relays, true);
  bytes[6] = 0xfe;
  assert.equal(decodeResponsePayload(bytes)?.relays, false);
});

test('a response payload has the latest timestamp where the status is stale', () => {
  const stale = {
    ...welcome,
    status: STATUS.staleTimestamp,
    latest: encodeTai64n(5000),
    observed: undefined,
    otherPort: 0,
  };
  const bytes = encodeResponsePayload(stale);
  assert.equal(bytes[0], 2);
  assert.deepEqual(bytes.subarray(20), encodeTai64n(5000));
  assert.deepEqual(decodeResponsePayload(bytes), stale);
});

test('a response payload has the largest number if one does not fit', () => {
  const bytes = encodeResponsePayload({ ...welcome, ttlSeconds: 1e6, maxWanted: 65536 });
  assert.deepEqual(bytes.subarray(2, 6), hex('ffff ffff'));
});

test('a response payload has no address over IPv6, and none from an older server', () => {
  for (const observed of [parseEndpoint('[2001:db8::7]:51820'), undefined]) {
    const bytes = encodeResponsePayload({ ...welcome, observed, otherPort: 0 });
    assert.deepEqual(bytes.subarray(20), new Uint8Array(12));
    assert.equal(decodeResponsePayload(bytes)?.observed, undefined);
  }
});

test('a response payload with an unknown status is refused', () => {
  for (let status = 4; status < 256; status++) {
    const bytes = encodeResponsePayload(welcome);
    bytes[0] = status;
    assert.equal(decodeResponsePayload(bytes), undefined);
  }
});
