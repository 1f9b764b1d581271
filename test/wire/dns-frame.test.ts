import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeFrame, encodeFrame, frameLength } from '../../src/wire/dns-frame.js';

test('a DNS frame, byte for byte', () => {
  assert.deepEqual(encodeFrame(Uint8Array.of(7, 8, 9)), Uint8Array.of(0, 3, 7, 8, 9));
  assert.deepEqual(encodeFrame(new Uint8Array(0x1234)).subarray(0, 2), Uint8Array.of(0x12, 0x34));
  assert.deepEqual(encodeFrame(new Uint8Array()), Uint8Array.of(0, 0));
});

test('a stream of DNS frames gives back its messages, wherever it is cut', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300, size: 'max' }), { minLength: 1 });
  fc.assert(
    fc.property(messages, fc.uint8Array({ maxLength: 1 }), (all, tail) => {
      let stream: Uint8Array = Uint8Array.from([
        ...all.flatMap((it) => [...encodeFrame(it)]),
        ...tail,
      ]);
      for (const message of all) {
        for (const length of [0, 1, message.length + 1]) {
          assert.equal(decodeFrame(stream.subarray(0, length)), undefined);
        }
        assert.equal(frameLength(stream), message.length);
        const frame = decodeFrame(stream);
        assert.deepEqual(frame?.message, message);
        stream = frame?.rest ?? stream;
      }
      assert.deepEqual(stream, tail);
    }),
  );
});
