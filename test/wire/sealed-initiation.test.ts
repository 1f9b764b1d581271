import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { publicKey } from '../../src/wire/key.js';
import { FrameWriter } from '../../src/wire/sealed-frame-writer.js';
import {
  decodeInitiationPayload,
  encodeInitiationPayload,
} from '../../src/wire/sealed-initiation.js';
import { encodeTai64n } from '../../src/wire/tai64n.js';
import { hex } from './codec.js';

const timestamp = encodeTai64n(1_700_000_000_000);
const cookie = new Uint8Array(16).fill(0xcc);

function wantFrame(keys: number): Uint8Array {
  const writer = new FrameWriter().beginWant(3, 0, 2);
  for (let i = 0; i < keys; i++) {
    writer.addKey(publicKey(new Uint8Array(32).fill(0x10 + i)));
  }
  return writer.bytes.slice(0, writer.length);
}

test('the payload of an initiation has the bytes of the document', () => {
  assert.deepEqual(encodeInitiationPayload({ timestamp, early: undefined }), timestamp);
  const bytes = encodeInitiationPayload({ timestamp, early: { cookie, want: wantFrame(1) } });
  const want = `01 00 0100 03000000 0000 0200 ${'10'.repeat(32)}`;
  assert.deepEqual(bytes, hex(`400000006553f10a 00000000 ${'cc'.repeat(16)} ${want}`));
});

test('the payload of an initiation comes back, with 0 to 33 keys', () => {
  assert.deepEqual(decodeInitiationPayload(timestamp), { timestamp, early: undefined });
  for (let keys = 0; keys <= 33; keys++) {
    const payload = { timestamp, early: { cookie, want: wantFrame(keys) } };
    const bytes = encodeInitiationPayload(payload);
    assert.equal(bytes.length, 40 + 32 * keys);
    assert.deepEqual(decodeInitiationPayload(bytes), payload);
  }
});

test('the payload of an initiation without a whole timestamp is refused, and a want list cut short ignored', () => {
  const bytes = encodeInitiationPayload({ timestamp, early: { cookie, want: wantFrame(2) } });
  for (let length = 0; length < bytes.length; length++) {
    const decoded = decodeInitiationPayload(bytes.subarray(0, length));
    assert.deepEqual(decoded, length < 12 ? undefined : { timestamp, early: undefined });
  }
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  assert.equal(decodeInitiationPayload(longer)?.early, undefined);
  const other = bytes.slice();
  other[28] = 2;
  assert.equal(decodeInitiationPayload(other)?.early, undefined, 'another kind of frame');
});

test('the payload of an initiation: random bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1200, size: 'max' }), (bytes) => {
      decodeInitiationPayload(bytes);
    }),
  );
});
