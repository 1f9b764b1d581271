import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeKey, encodeKey } from '../../src/wire/key-text.js';

const key32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('a key is written as wg genkey prints it, and read back', () => {
  fc.assert(
    fc.property(key32, (key) => {
      const text = encodeKey(key);
      assert.equal(Buffer.from(text).toString(), `${Buffer.from(key).toString('base64')}\n`);
      assert.deepEqual(decodeKey(text), key);
      assert.deepEqual(decodeKey(text.subarray(0, 44)), key);
    }),
  );
});

test('any other text is no key', () => {
  const text = encodeKey(new Uint8Array(32).fill(0xa5));
  for (let length = 0; length < 44; length++) {
    assert.equal(decodeKey(text.subarray(0, length)), undefined);
  }
  assert.equal(decodeKey(Buffer.concat([text, Buffer.from('\n')])), undefined);
  for (let at = 0; at < 45; at++) {
    const spoilt = text.slice();
    spoilt[at] = 0x2a;
    assert.equal(decodeKey(spoilt), undefined, `${at}`);
  }
  const stray = text.slice();
  stray[42]! += 1;
  assert.equal(decodeKey(stray), undefined);
});
