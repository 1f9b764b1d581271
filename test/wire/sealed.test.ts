import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  initiationLength,
  isDataLength,
  isInitiationLength,
  MAX_MESSAGE_LENGTH,
  MAX_PLAINTEXT_LENGTH,
  MESSAGE,
  MESSAGE_LENGTH,
  mac1Offset,
  mac2Offset,
  messageType,
  NOTICE,
  paddedLength,
  readCounter,
  readNoticeReason,
  writeCookie,
  writeDataHeader,
  writeInitiation,
  writeNotice,
  writeResponse,
} from '../../src/wire/sealed.js';
import { hex } from './codec.js';

const AT = 3;

/** What a writer writes in the middle of other bytes, which it must leave alone. */
function written(length: number, write: (bytes: Uint8Array, at: number) => void): Uint8Array {
  const bytes = new Uint8Array(AT + length + 3).fill(0xee);
  write(bytes, AT);
  assert.deepEqual(bytes.subarray(0, AT), hex('eeeeee'));
  assert.deepEqual(bytes.subarray(AT + length), hex('eeeeee'));
  return bytes.slice(AT, AT + length);
}

const noise108 = new Uint8Array(108).fill(0xaa);
const noise80 = new Uint8Array(80).fill(0xbb);

const messages = {
  initiation: written(148, (bytes, at) => writeInitiation(bytes, at, 0x04030201, noise108)),
  response: written(92, (bytes, at) => writeResponse(bytes, at, 0x04030201, 0xf8f7f6f5, noise80)),
  cookie: written(40, (bytes, at) =>
    writeCookie(bytes, at, 0xf4f3f2f1, new Uint8Array(16).fill(9)),
  ),
  data: Uint8Array.from({ length: 48 }),
  notice: written(24, (bytes, at) =>
    writeNotice(
      bytes,
      at,
      NOTICE.wrongKey,
      Uint8Array.from({ length: 20 }, (_, i) => i),
      2,
    ),
  ),
};
messages.data.set(
  written(16, (bytes, at) => writeDataHeader(bytes, at, 0x04030201, 0x08_0706_0504)),
);

describe('the messages have the bytes of the document', () => {
  it('an initiation has the bytes of the document', () => {
    const expected = `77677201 01020304 ${'aa'.repeat(108)} ${'00'.repeat(32)}`;
    assert.deepEqual(messages.initiation, hex(expected));
  });

  it('a response has the bytes of the document', () => {
    const expected = `77677202 01020304 f5f6f7f8 ${'bb'.repeat(80)}`;
    assert.deepEqual(messages.response, hex(expected));
  });

  it('a cookie message has the bytes of the document', () => {
    const expected = `77677203 f1f2f3f4 ${'09'.repeat(16)} ${'00'.repeat(16)}`;
    assert.deepEqual(messages.cookie, hex(expected));
  });

  it('a data message has the bytes of the document', () => {
    assert.deepEqual(messages.data.subarray(0, 16), hex('77677204 01020304 0405060708000000'));
    assert.equal(readCounter(messages.data, 0), 0x08_0706_0504);
  });

  it('a notice has the bytes of the document', () => {
    const expected = '77677205 02000000 02030405060708090a0b0c0d0e0f1011';
    assert.deepEqual(messages.notice, hex(expected));
    assert.equal(readNoticeReason(messages.notice, 0), NOTICE.wrongKey);
    for (let reason = 0; reason < 256; reason++) {
      messages.notice[4] = reason;
      const known = reason === 1 || reason === 2;
      assert.equal(readNoticeReason(messages.notice, 0), known ? reason : undefined);
    }
  });
});

describe('a notice', () => {
  it('a notice can overwrite the message that it echoes, at any offset', () => {
    for (const from of [0, 4, 8, 12, 116]) {
      const bytes = Uint8Array.from({ length: 148 }, (_, i) => i);
      const echo = bytes.slice(from, from + 16);
      writeNotice(bytes, 0, NOTICE.noSession, bytes, from);
      assert.deepEqual(bytes.slice(8, 24), echo);
      assert.deepEqual(bytes.slice(0, 8), hex('77677205 01000000'));
    }
  });
});

/** Whether a message may have that length; undefined if it has one length. */
function isLengthOf(name: string, length: number): boolean | undefined {
  switch (name) {
    case 'data':
      return isDataLength(length);
    case 'initiation':
      return isInitiationLength(length);
    default:
      return undefined;
  }
}

describe('the length of an initiation', () => {
  it('an initiation has 148 bytes, or 176 and 32 for each of 0 to 33 keys', () => {
    const lengths = Array.from({ length: 1300 }, (_, i) => i).filter(isInitiationLength);
    assert.deepEqual(lengths, [148, ...Array.from({ length: 34 }, (_, n) => 176 + 32 * n)]);
    assert.equal(lengths.at(-1), MAX_MESSAGE_LENGTH);
    assert.ok(lengths.every((length) => length % 4 === 0));
  });

  it('an initiation has both macs at its end', () => {
    const long = written(176, (bytes, at) => writeInitiation(bytes, at, 1, new Uint8Array(136)));
    assert.deepEqual([mac1Offset(long.length), mac2Offset(long.length)], [144, 160]);
    assert.deepEqual([mac1Offset(148), mac2Offset(148)], [116, 132]);
    assert.equal(initiationLength(136), 176);
  });
});

describe('the type of a message', () => {
  it('the type of a message follows from its first bytes and its length', () => {
    for (const [name, bytes] of Object.entries(messages)) {
      const type = MESSAGE[name as keyof typeof MESSAGE];
      assert.equal(messageType(bytes, 0, bytes.length), type);
      for (let length = 0; length < MAX_MESSAGE_LENGTH + 20; length++) {
        const right = isLengthOf(name, length) ?? length === bytes.length;
        assert.equal(messageType(bytes, 0, length), right ? type : 0, `${name}, ${length} bytes`);
      }
    }
  });

  it('a message with any of its first four bytes changed has no type', () => {
    for (const bytes of Object.values(messages)) {
      for (let at = 0; at < 4; at++) {
        const changed = Uint8Array.from(bytes);
        changed[at] = 0xf0;
        assert.equal(messageType(changed, 0, changed.length), 0);
      }
    }
  });

  it('random bytes have no type', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200, size: 'max' }), (bytes) => {
        const ours = bytes[0] === 0x77 && bytes[1] === 0x67 && bytes[2] === 0x72;
        assert.ok(ours || messageType(bytes, 0, bytes.length) === 0);
      }),
    );
  });
});

describe('no message', () => {
  it("begins with one of WireGuard's words, 1..4", () => {
    for (const bytes of Object.values(messages)) {
      const word = new DataView(bytes.buffer).getUint32(0, true);
      assert.ok(word < 1 || word > 4);
    }
  });

  it('no message is as long as a classic request', () => {
    for (let length = 0; length <= MAX_PLAINTEXT_LENGTH; length++) {
      const padded = paddedLength(length);
      assert.ok(padded >= length && padded < length + 32 && padded % 16 === 0);
      assert.ok(isDataLength(padded + 32), `${length} bytes of plaintext`);
    }
    assert.equal(isDataLength(64), false);
    assert.ok(!Object.values(MESSAGE_LENGTH).includes(64 as never));
  });
});
