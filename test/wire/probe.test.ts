import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import {
  decodeProbe,
  encodeProbe,
  PROBE_LENGTH,
  type Probe,
  probeParts,
} from '../../src/wire/probe.js';
import { hex } from './codec.js';

const REQUEST: Probe = {
  sender: hex('0102030405060708'),
  intent: 'committed',
  run: 1_700_000_000_123,
  transaction: 258,
};
const RESPONSE: Probe = {
  ...REQUEST,
  intent: 'waiting',
  observed: parseEndpoint('192.0.2.1:51820'),
};

test('a request has these bytes', () => {
  assert.deepEqual(
    encodeProbe(REQUEST),
    hex(
      '77677206 00 02 00 00 0102030405060708 400000006553f10a 0754d4c0 0201000000000000' +
        '0000 00000000000000000000000000000000 00000000000000000000000000000000',
    ),
  );
});

test('a response has these bytes: the observed endpoint is masked', () => {
  // ca6c is 51820, c0000201 the address; the mask is the last two bytes of the TAI64N seconds on.
  assert.deepEqual(
    encodeProbe(RESPONSE).subarray(36, 54),
    hex('ca6c c0000201 000000000000000000000000').map(
      (byte, i) => byte ^ encodeProbe(RESPONSE)[18 + i]!,
    ),
  );
});

test('WireGuard takes no probe for one of its messages, and no server for a classic request', () => {
  const word = new DataView(encodeProbe(REQUEST).buffer).getUint32(0, true);
  assert.ok(word > 4);
  assert.notEqual(PROBE_LENGTH, 64);
});

test('what is encoded is decoded', () => {
  const ipv4 = fc.ipV4().map((address) => `${address}:4711`);
  const ipv6 = fc.ipV6().map((address) => `[${address}]:1`);
  const observed = fc.option(fc.oneof(ipv4, ipv6), { nil: undefined });
  fc.assert(
    fc.property(
      fc.constantFrom('waiting' as const, 'leading' as const, 'committed' as const),
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      observed,
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      (intent, run, transaction, source, sender) => {
        const known = source === undefined ? {} : { observed: parseEndpoint(source) };
        const probe = { sender, intent, run, transaction, ...known };
        assert.deepEqual(decodeProbe(encodeProbe(probe)), probe);
      },
    ),
  );
});

test('other bytes are no probe, at whatever length, and never throw', () => {
  const bytes = encodeProbe(RESPONSE);
  for (let length = 0; length < PROBE_LENGTH; length++) {
    assert.equal(decodeProbe(bytes.subarray(0, length)), undefined);
  }
  assert.equal(decodeProbe(Uint8Array.of(...bytes, 0)), undefined);
  for (const [at, value] of [
    [0, 1],
    [1, 1],
    [2, 1],
    [3, 7],
    [4, 2],
    [4, 0],
    [5, 3],
    [6, 5],
    [7, 1],
  ] as const) {
    assert.equal(decodeProbe(bytes.map((byte, i) => (i === at ? value : byte))), undefined);
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 60, maxLength: 80, size: 'max' }), (random) => {
      decodeProbe(random);
      decodeProbe(Uint8Array.of(...bytes.subarray(0, 4), ...random));
    }),
  );
});

test('the tag authenticates everything before it', () => {
  const { content, tag } = probeParts(encodeProbe(REQUEST));
  assert.equal(content.length + tag.length, PROBE_LENGTH);
  assert.equal(tag.length, 16);
});
