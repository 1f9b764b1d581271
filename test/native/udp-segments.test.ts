import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadBinding, type NativeUdpBatch } from '../../src/socket/binding.js';
import {
  ADDRESS_WORDS,
  createDatagramBatch,
  type DatagramBatch,
  LOCAL_WORD,
  NO_REPLY,
  PORT_WORD,
} from '../../src/socket/datagram-batch.js';
import { addressBytes, addressFamily } from '../../src/wire/endpoint.js';
import { xorshift } from '../xorshift.js';

const STRIDE = 9024;
const CAPACITY = 256;
const ROUNDS = 40;

/** Sizes of WireGuard's messages, the limits of a segment, and what is not sent. */
const LENGTHS = [0, 32, 92, 148, 700, 1420, 1452, 1472, 1473, 8960, STRIDE, NO_REPLY, STRIDE + 1];

function open(address: string): NativeUdpBatch {
  return new (loadBinding().UdpBatch)({
    family: addressFamily(address)!,
    address: addressBytes(address),
    scopeId: 0,
    port: 0,
    receiveBufferBytes: 16 << 20,
    fragments: 1,
    segments: 1,
  });
}

function setAddress(
  { addressBytes: bytes }: DatagramBatch,
  slot: number,
  word: number,
  to: string,
) {
  bytes.set(addressBytes(to), 4 * (slot * ADDRESS_WORDS + word));
}

/** Everything that waits, in order. */
function receiveAll(native: NativeUdpBatch): Buffer[] {
  const { payload, stride, lengths, addresses } = createDatagramBatch(CAPACITY, STRIDE);
  const received: Buffer[] = [];
  for (;;) {
    const count = native.receive(payload, stride, lengths, addresses);
    if (count === 0) {
      return received;
    }
    for (let slot = 0; slot < count; slot++) {
      received.push(Buffer.from(payload.slice(slot * stride, slot * stride + lengths[slot]!)));
    }
  }
}

describe('datagrams that are sent in segments', () => {
  for (const [from, to] of [
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '::1'],
  ] as const) {
    it(`arrive byte for byte and in order, whatever their sizes and destinations: from ${from}`, () => {
      const random = xorshift(0x2545f491);
      const sender = open(from);
      const sinks = [open(to), open(to)] as const;
      const batch = createDatagramBatch(CAPACITY, STRIDE);
      const { payload, stride, lengths, addresses } = batch;
      for (let round = 0; round < ROUNDS; round++) {
        const expected: Buffer[][] = [[], []];
        for (let slot = 0, left = 0, length = 0, sink = 0; slot < CAPACITY; slot++, left--) {
          if (left === 0) {
            // The next run, often of one size and often longer than a message has segments.
            left = 1 + (random() % (round % 2 === 0 ? 4 : 150));
            length = LENGTHS[random() % LENGTHS.length]!;
            sink = random() % 2;
          }
          const isShorter = length > 0 && random() % 16 === 0;
          lengths[slot] = isShorter ? random() % length : length;
          for (let i = 0; i < 64; i++) {
            payload[slot * stride + (i < 32 ? i : Math.max(0, lengths[slot]! - 1 - i))] = random();
          }
          setAddress(batch, slot, 0, to);
          setAddress(batch, slot, LOCAL_WORD, to);
          addresses[slot * ADDRESS_WORDS + PORT_WORD] = sinks[sink]!.port;
          if (lengths[slot]! >= 0 && lengths[slot]! <= STRIDE) {
            const at = slot * stride;
            expected[sink]!.push(Buffer.from(payload.slice(at, at + lengths[slot]!)));
          }
        }
        const sent = sender.send(payload, stride, lengths, addresses, CAPACITY);
        assert.equal(sent, expected[0]!.length + expected[1]!.length, `round ${round}`);
        for (const [i, sink] of sinks.entries()) {
          assert.deepEqual(receiveAll(sink), expected[i], `round ${round}`);
        }
      }
      for (const native of [sender, ...sinks]) {
        native.close();
      }
    });
  }
});
