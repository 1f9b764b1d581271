import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

/** A hexadecimal text as bytes; blanks are passed over. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

/** Checks that a decoder gives undefined for every truncation of valid bytes, and never throws. */
export function testHostileBytes(
  name: string,
  decode: (bytes: Uint8Array) => unknown,
  valid: Uint8Array,
): void {
  test(`${name}: every truncation is refused`, () => {
    assert.notEqual(decode(valid), undefined);
    for (let length = 0; length < valid.length; length++) {
      assert.equal(decode(valid.subarray(0, length)), undefined, `length ${length}`);
    }
  });
  test(`${name}: random bytes never throw`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200, size: 'max' }), (bytes) => {
        decode(bytes);
      }),
    );
  });
}
