import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import sodium from 'sodium-native';
import { Transport } from '../../src/sealed/transport.js';
import { writeUint64 } from '../../src/wire/byte-order.js';
import {
  isDataLength,
  MAX_MESSAGE_LENGTH,
  MAX_MESSAGES,
  MAX_PLAINTEXT_LENGTH,
  MESSAGE,
  messageType,
  writeDataHeader,
} from '../../src/wire/sealed.js';
import { hex } from '../wire/codec.js';

function pair(): [Transport, Transport] {
  const a = new Uint8Array(32).fill(1);
  const b = new Uint8Array(32).fill(2);
  return [
    new Transport({ send: a.slice(), receive: b.slice() }),
    new Transport({ send: b.slice(), receive: a.slice() }),
  ];
}

function seal(transport: Transport, plaintext: Uint8Array): Uint8Array {
  const out = new Uint8Array(MAX_MESSAGE_LENGTH);
  return out.slice(0, transport.seal(7, plaintext, plaintext.length, out, 0));
}

function open(transport: Transport, message: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(MAX_PLAINTEXT_LENGTH);
  const length = transport.open(message, 0, message.length, out);
  return length < 0 ? undefined : out.slice(0, length);
}

/** A message of the pair's first side with any counter, made by hand. */
function genuine(counter: number): Uint8Array {
  const message = new Uint8Array(48);
  const nonce = new Uint8Array(12);
  writeDataHeader(message, 0, 7, counter);
  writeUint64(nonce, 4, counter);
  sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
    message.subarray(16),
    new Uint8Array(16),
    message.subarray(0, 16),
    null,
    nonce,
    new Uint8Array(32).fill(1),
  );
  return message;
}

describe('data messages', () => {
  it('data messages open to their plaintext, padded with zeros, at any length and offset', () => {
    const [client, server] = pair();
    const slab = new Uint8Array(4 * MAX_MESSAGE_LENGTH).fill(0xee);
    const out = new Uint8Array(MAX_PLAINTEXT_LENGTH);
    for (let length = 0; length <= MAX_PLAINTEXT_LENGTH; length++) {
      const filler = (length | 1) & 0xff;
      const plaintext = new Uint8Array(MAX_PLAINTEXT_LENGTH).fill(filler);
      const at = 1 + (length % MAX_MESSAGE_LENGTH);
      const sealed = client.seal(0x01020304, plaintext, length, slab, at);
      assert.ok(isDataLength(sealed), `${length} bytes become ${sealed}`);
      assert.equal(messageType(slab, at, sealed), MESSAGE.data);
      assert.equal(slab[at - 1], 0xee);
      const opened = server.open(slab, at, sealed, out);
      assert.equal(opened, sealed - 32);
      assert.ok(out.subarray(0, length).every((byte) => byte === filler));
      assert.ok(out.subarray(length, opened).every((byte) => byte === 0));
      assert.equal(server.lastCounter, length);
      slab.fill(0xee, 0, at + sealed);
    }
  });

  it('data messages have the bytes of the document', () => {
    const [client] = pair();
    const first = seal(client, hex('04'));
    assert.deepEqual(first.subarray(0, 16), hex('77677204 07000000 0000000000000000'));
    assert.deepEqual(seal(client, hex('04')).subarray(8, 16), hex('0100000000000000'));
  });

  it('data messages do not open with any bit changed, and the genuine one opens after it', () => {
    const [client, server] = pair();
    const message = seal(client, new Uint8Array(20).fill(9));
    for (let bit = 0; bit < 8 * message.length; bit++) {
      const changed = Uint8Array.from(message);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(open(server, changed), undefined, `bit ${bit}`);
    }
    assert.ok(open(server, message));
  });

  it('data messages open once', () => {
    const [client, server] = pair();
    const message = seal(client, hex('04'));
    assert.ok(open(server, message));
    assert.equal(open(server, message), undefined);
  });

  it('data messages do not open for the side that sealed them, or in another session', () => {
    const [client] = pair();
    const message = seal(client, hex('04'));
    assert.equal(open(client, message), undefined);
    const other = new Transport({ send: new Uint8Array(32), receive: new Uint8Array(32) });
    assert.equal(open(other, message), undefined);
  });

  it('data messages open in any order, each once (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { maxLength: 60, size: 'max' }), (order) => {
        const [client, server] = pair();
        const messages = Array.from({ length: 41 }, () => seal(client, hex('04')));
        const seen = new Set<number>();
        let highest = -1;
        for (const i of order) {
          assert.equal(open(server, messages[i] as Uint8Array) !== undefined, !seen.has(i));
          seen.add(i);
          highest = Math.max(highest, i);
          assert.equal(server.highestCounter, highest);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('data messages never throw where the bytes are random', () => {
    const [, server] = pair();
    const lengths = Array.from({ length: 78 }, (_, i) => 16 * i).filter(isDataLength);
    fc.assert(
      fc.property(fc.constantFrom(...lengths), fc.infiniteStream(fc.nat(255)), (length, stream) => {
        const bytes = Uint8Array.from({ length }, () => stream.next().value as number);
        assert.equal(open(server, bytes), undefined);
      }),
    );
  });

  it('data messages are refused beyond the last counter, even where genuine', () => {
    for (const [counter, accepted] of [
      [MAX_MESSAGES - 1, true],
      [MAX_MESSAGES, false],
      [2 ** 32 + 5, false],
      [2 ** 60, false],
    ] as const) {
      const [, server] = pair();
      assert.equal(open(server, genuine(counter)) !== undefined, accepted, `${counter}`);
    }
  });

  it('data messages end with the last counter', () => {
    const [client] = pair();
    Object.assign(client, { sent: MAX_MESSAGES - 1 });
    assert.equal(seal(client, hex('04')).length, 48);
    assert.equal(client.seal(7, hex('04'), 1, new Uint8Array(48), 0), -1);
  });

  it('data messages end when the keys are wiped', () => {
    const keys = { send: new Uint8Array(32).fill(1), receive: new Uint8Array(32).fill(2) };
    const [, server] = pair();
    const transport = new Transport(keys);
    const fromServer = seal(server, hex('04'));
    transport.wipe();
    assert.deepEqual(keys, { send: new Uint8Array(32), receive: new Uint8Array(32) });
    assert.equal(transport.seal(7, hex('04'), 1, new Uint8Array(48), 0), -1);
    assert.equal(open(transport, fromServer), undefined);
    // Keys of zeros are known to everyone.
    const zeros = new Transport({ send: new Uint8Array(32), receive: new Uint8Array(32) });
    assert.equal(open(transport, seal(zeros, hex('04'))), undefined);
  });
});
