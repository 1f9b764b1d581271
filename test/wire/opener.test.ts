import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeOpener, encodeOpener, OPENER_LENGTH, type Opener } from '../../src/wire/opener.js';
import { hex } from './codec.js';

const TAG = hex('0102030405060708');
const FIRST: Opener = { intent: 'waiting', stamp: 0x1234, tag: TAG };
const SECOND: Opener = {
  intent: 'committed',
  stamp: 7,
  echo: { stamp: 0xfffe, held: 3 },
  tag: TAG,
};

test('an opener has these bytes', () => {
  assert.deepEqual(encodeOpener(FIRST), hex('77677206 00 00 3412 0000 0000 0102030405060708'));
  assert.deepEqual(encodeOpener(SECOND), hex('77677206 02 01 0700 feff 0300 0102030405060708'));
});

test('WireGuard takes no opener for one of its messages', () => {
  const word = new DataView(encodeOpener(FIRST).buffer).getUint32(0, true);
  assert.ok(word > 4);
});

test('encoding and decoding are inverse', () => {
  const uint16 = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(
      fc.constantFrom('waiting' as const, 'leading' as const, 'committed' as const),
      uint16,
      fc.option(fc.record({ stamp: uint16, held: uint16 }, { noNullPrototype: true }), {
        nil: undefined,
      }),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      (intent, stamp, echo, tag) => {
        const opener = { intent, stamp, ...(echo && { echo }), tag };
        assert.deepEqual(decodeOpener(encodeOpener(opener)), opener);
      },
    ),
  );
});

test('other bytes of any length are no opener, and never throw', () => {
  const bytes = encodeOpener(SECOND);
  for (let length = 0; length < OPENER_LENGTH; length++) {
    assert.equal(decodeOpener(bytes.subarray(0, length)), undefined);
  }
  for (const at of [0, 1, 2, 3]) {
    assert.equal(decodeOpener(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))), undefined);
  }
  assert.equal(decodeOpener(Uint8Array.of(...bytes, 0)), undefined);
  assert.equal(decodeOpener(bytes.map((byte, i) => (i === 4 ? 3 : byte))), undefined);
  assert.equal(decodeOpener(bytes.map((byte, i) => (i === 5 ? 2 : byte))), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64, size: 'max' }), (random) => {
      decodeOpener(random);
    }),
  );
});

test('a tag of another length is refused', () => {
  assert.throws(() => encodeOpener({ ...FIRST, tag: TAG.subarray(1) }), /a tag has 8 bytes, got 7/);
});
