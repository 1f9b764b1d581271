import type { DatagramBatch } from '../../src/socket/batch-socket.js';
import { ADDRESS_WORDS, createDatagramBatch } from '../../src/socket/datagram-batch.js';
import { encodeClassicRequest } from '../../src/wire/classic.js';
import { addressBytes } from '../../src/wire/endpoint.js';
import { type PublicKey, publicKey } from '../../src/wire/key.js';

/** A key of its own for each number; number 0 is not the all-zero key. */
export function key(number: number): PublicKey {
  const bytes = new Uint8Array(32).fill(0x5a);
  new DataView(bytes.buffer).setUint32(28, number);
  return publicKey(bytes);
}

/** A datagram as it reaches a handler. */
export interface Incoming {
  readonly from: string;
  readonly port?: number;
  readonly payload: Uint8Array;
}

export function request(from: string, mine: number, theirs: number, port = 51820): Incoming {
  return { from, port, payload: encodeClassicRequest(key(mine), key(theirs)) };
}

/** Puts datagrams into a batch as a socket does: what exceeds a slot is cut and marked. */
export function batchOf(
  datagrams: readonly Incoming[],
  stride = 128,
  capacity = Math.max(datagrams.length, 1),
): DatagramBatch {
  const batch = createDatagramBatch(capacity, stride);
  for (const [slot, { from, port = 51820, payload }] of datagrams.entries()) {
    batch.payload.fill(0xee, slot * stride, (slot + 1) * stride);
    batch.payload.set(payload.subarray(0, stride), slot * stride);
    batch.lengths[slot] = Math.min(payload.length, stride + 1);
    const record = slot * ADDRESS_WORDS;
    new Uint8Array(batch.addresses.buffer, record * 4, 16).set(addressBytes(from));
    batch.addresses[record + 4] = port;
  }
  return batch;
}

/** What a handler left in a slot: the reply, or undefined if there is none. */
export function replyIn(batch: DatagramBatch, slot: number): Uint8Array | undefined {
  const length = batch.lengths[slot]!;
  if (length < 0) {
    return undefined;
  }
  return batch.payload.slice(slot * batch.stride, slot * batch.stride + length);
}
