import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { encodeName, readName, skipName } from '../../src/wire/dns-name.js';

/** A name of labels with any bytes in them, as it stands in a message. */
const wireName = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 63, size: 'max' }), { maxLength: 6 })
  .map((labels) =>
    Buffer.concat([...labels.flatMap((it) => [Buffer.of(it.length), it]), Buffer.of(0)]),
  )
  .filter((bytes) => bytes.length <= 255);

const lower = (bytes: Buffer) =>
  Buffer.from(
    bytes.toString('latin1').replace(/[A-Z]/g, (it) => it.toLowerCase()),
    'latin1',
  );

describe('names', () => {
  it('of any bytes read as a text that encodes to them, in lower case', () => {
    fc.assert(
      fc.property(wireName, fc.uint8Array({ maxLength: 9 }), (name, before) => {
        const message = Buffer.concat([before, name, Buffer.of(1, 2)]);
        const read = readName(message, before.length);
        assert.equal(read?.end, before.length + name.length);
        assert.equal(skipName(message, before.length), read?.end);
        // The bytes of lengths are no letters here: labels have 63 at most.
        assert.deepEqual(Buffer.from(encodeName(read?.text ?? '')), lower(name));
      }),
    );
  });

  it('read as dns-packet reads them, where it can tell them apart', () => {
    const label = fc.stringMatching(/^[a-z0-9_=-]{1,20}$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 6 }), (labels) => {
        const message = encode({ questions: [{ name: labels.join('.'), type: 'A' }] });
        assert.equal(readName(message, 12)?.text, decode(message).questions?.[0]?.name);
      }),
    );
  });

  it('have one text each', () => {
    const texts = [
      '\x03a.b\0',
      '\x01a\x01b\0',
      '\x04a\\.b\0',
      '\x01\xe9\0',
      '\x02\xc3\xa9\0',
      '\0',
    ].map((bytes) => readName(Buffer.from(bytes, 'latin1'), 0)?.text);
    assert.deepEqual(texts, ['a\\046b', 'a.b', 'a\\092\\046b', '\\233', '\\195\\169', '']);
  });

  it('that are cut, compressed or too long are not read', () => {
    const name = encodeName('yutr====._wireguard._udp.example.com');
    for (let length = 0; length < name.length; length++) {
      assert.equal(readName(name.subarray(0, length), 0), undefined, `length ${length}`);
    }
    for (const bytes of [
      [0xc0, 0x0c],
      [1, 97, 0xc0, 0],
      [64, 0],
      [0x80, 0],
    ]) {
      assert.equal(readName(Uint8Array.from([...bytes, 0, 0]), 0), undefined);
    }
    const long = Buffer.alloc(300, '\x01a', 'latin1');
    assert.equal(readName(long, 0), undefined);
  });

  it('with compression are stepped over, without following it', () => {
    assert.equal(skipName(Uint8Array.of(1, 97, 0xc0, 0, 9), 0), 4);
    assert.equal(skipName(Uint8Array.of(0xc0, 0), 0), 2);
    assert.equal(skipName(Uint8Array.of(0xc0), 0), undefined);
    assert.equal(skipName(Uint8Array.of(0x80, 0), 0), undefined);
    assert.equal(skipName(Uint8Array.of(5, 97), 0), undefined);
  });

  it('in text that are too long are an error', () => {
    assert.throws(() => encodeName('a'.repeat(64)), RangeError);
    assert.throws(() => encodeName('a..b'), RangeError);
    assert.throws(() => encodeName(new Array(128).fill('a').join('.')), RangeError);
    assert.equal(encodeName(new Array(127).fill('a').join('.')).length, 255);
  });
});
