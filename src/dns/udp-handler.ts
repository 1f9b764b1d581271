import type { ConnectionPool } from '../limits/connection-pool.js';
import type { HashKey } from '../limits/half-siphash.js';
import type { RateLimiter } from '../limits/rate-limiter.js';
import { sourceHash } from '../limits/source-hash.js';
import type { BatchSocket } from '../socket/batch-socket.js';
import {
  ADDRESS_WORDS,
  type DatagramBatch,
  LOCAL_WORD,
  NO_REPLY,
  PORT_WORD,
} from '../socket/datagram-batch.js';
import { ADDRESS_LENGTH, type Endpoint, formatAddress, isWildcard } from '../wire/endpoint.js';
import type { DeviceSource } from './device-source.js';
import type { Responder } from './responder.js';
import type { LocalAddress } from './zone.js';

/** The collaborators of both transports. */
export interface Answering {
  readonly responder: Responder;
  readonly source: DeviceSource;
  readonly limiter: RateLimiter;
  /** Of replies over UDP that are larger than their query; undefined where sources cannot be forged. */
  readonly replyLimiter: RateLimiter | undefined;
  readonly connections: ConnectionPool;
  readonly hashKey: HashKey;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Answers queries over UDP, by the batch and in place. */
export class UdpHandler {
  /** Queries that wait for a reading of the device, in the socket's outgoing batch. */
  private waiting = 0;
  private readonly localOf: LocalAddress = () => this.localAddress();
  private readonly mayGrow = () => this.drawsReply();
  private batch: DatagramBatch | undefined;
  private slot = 0;

  constructor(
    private readonly answering: Answering,
    /** What the socket is bound to. */
    private readonly bound: Endpoint,
    private readonly socket: () => BatchSocket,
  ) {}

  /** Answers a batch that was received, at once or, where the device has to be read first, later. */
  handle(batch: DatagramBatch, count: number): void {
    this.admit(batch, count);
    const reading = this.answering.source.refresh();
    if (reading === undefined) {
      this.answerAll(batch, count);
      return;
    }
    if (this.waiting === 0) {
      reading.then(() => this.answerWaiting());
    }
    for (let slot = 0; slot < count; slot++) {
      if (batch.lengths[slot] !== NO_REPLY) {
        this.hold(batch, slot);
      }
    }
  }

  /** Drops what is over its source's rate, or cannot be answered. */
  private admit(batch: DatagramBatch, count: number): void {
    const { limiter, hashKey, responder, now } = this.answering;
    const time = now();
    for (let slot = 0; slot < count; slot++) {
      const address = slot * ADDRESS_WORDS;
      const source = sourceHash(batch.addresses, address, this.bound.family, hashKey);
      if (!limiter.allows(source, time)) {
        responder.counts.udp.limited++;
        batch.lengths[slot] = NO_REPLY;
      } else if (batch.addresses[address + PORT_WORD] === 0) {
        responder.counts.udp.ignored++;
        batch.lengths[slot] = NO_REPLY;
      }
    }
  }

  /** Puts a query aside; when there is no room, answers it from what is known, unless that is too old. */
  private hold(batch: DatagramBatch, slot: number): void {
    const { outgoing } = this.socket();
    if (this.waiting === outgoing.capacity) {
      this.answerAtOnce(batch, slot);
      return;
    }
    const to = this.waiting++;
    const from = slot * batch.stride;
    const address = slot * ADDRESS_WORDS;
    outgoing.payload.set(batch.payload.subarray(from, from + batch.stride), to * outgoing.stride);
    outgoing.addresses.set(
      batch.addresses.subarray(address, address + ADDRESS_WORDS),
      to * ADDRESS_WORDS,
    );
    outgoing.lengths[to] = batch.lengths[slot] as number;
    batch.lengths[slot] = NO_REPLY;
  }

  private answerAtOnce(batch: DatagramBatch, slot: number): void {
    const { source, responder } = this.answering;
    if (source.isOutdated) {
      // The asker asks again, which is better than an answer of long ago.
      responder.counts.udp.crowdedOut++;
      batch.lengths[slot] = NO_REPLY;
    } else {
      this.answer(batch, slot);
    }
  }

  private answerWaiting(): void {
    const { outgoing } = this.socket();
    const count = this.waiting;
    this.waiting = 0;
    this.answerAll(outgoing, count);
    this.socket().flush(count);
  }

  private answerAll(batch: DatagramBatch, count: number): void {
    for (let slot = 0; slot < count; slot++) {
      if (batch.lengths[slot] !== NO_REPLY) {
        this.answer(batch, slot);
      }
    }
  }

  private answer(batch: DatagramBatch, slot: number): void {
    const { payload, stride, lengths } = batch;
    // What did not fit in the slot was cut, and is malformed.
    const length = Math.min(lengths[slot] as number, stride);
    const start = slot * stride;
    this.batch = batch;
    this.slot = slot;
    const buffer = payload.subarray(start, start + stride);
    lengths[slot] = this.answering.responder.respond(
      buffer,
      length,
      'udp',
      this.localOf,
      this.mayGrow,
    );
  }

  /** Whether the source of the query may have a reply larger than it: draws on the source's rate. */
  private drawsReply(): boolean {
    const { replyLimiter, hashKey, now } = this.answering;
    if (replyLimiter === undefined || this.batch === undefined) {
      return true;
    }
    const { addresses } = this.batch;
    const source = sourceHash(addresses, this.slot * ADDRESS_WORDS, this.bound.family, hashKey);
    return replyLimiter.allows(source, now());
  }

  /** Where a query was sent to; undefined where node:dgram does not tell. */
  private localAddress(): string | undefined {
    const { address, family } = this.bound;
    if (!isWildcard(address)) {
      return address;
    }
    if (this.batch === undefined) {
      return undefined;
    }
    const { addresses } = this.batch;
    const at = addresses.byteOffset + (this.slot * ADDRESS_WORDS + LOCAL_WORD) * 4;
    const local = formatAddress(new Uint8Array(addresses.buffer, at, ADDRESS_LENGTH[family]));
    return isWildcard(local) ? undefined : local;
  }
}
