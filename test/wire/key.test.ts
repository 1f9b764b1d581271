import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base32 } from '@scure/base';
import fc from 'fast-check';
import {
  formatPublicKey,
  formatPublicKeyBase32,
  parsePublicKey,
  publicKey,
} from '../../src/wire/key.js';

// The key of wg(8)'s example configuration.
const TEXT = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';

test('a key is parsed from and printed as the base64 of wg', () => {
  const key = parsePublicKey(TEXT);
  assert.equal(Buffer.from(key).toString('base64'), TEXT);
  assert.equal(formatPublicKey(key), TEXT);
});

test('a key round-trips through base64, and through base32', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const text = formatPublicKeyBase32(publicKey(bytes));
      assert.equal(text.length, 56);
      assert.deepEqual(base32.decode(text), bytes);
      assert.deepEqual(parsePublicKey(formatPublicKey(publicKey(bytes))), bytes);
    }),
  );
});

test('base32 is that of RFC 4648', () => {
  assert.equal(
    formatPublicKeyBase32(publicKey(Buffer.from('foobar'.padEnd(32, '\0')))).slice(0, 9),
    'MZXW6YTBO',
  );
});

test('malformed keys are refused with a reason', () => {
  const stray = `${TEXT.slice(0, -2)}h=`;
  assert.notEqual(stray, TEXT);
  for (const text of [
    '',
    'key',
    TEXT.slice(1),
    `${TEXT}\n`,
    TEXT.replace('x', '!'),
    'AAAA',
    stray,
  ]) {
    assert.throws(() => parsePublicKey(text), RangeError, text);
  }
});

test('a wrong length is named with the expected one', () => {
  assert.throws(() => publicKey(new Uint8Array(31)), /32 bytes, got 31/);
});
