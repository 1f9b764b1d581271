import type { Admission } from '../limits/admission.js';
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
} from '../socket/datagram-batch.js';
import { ADDRESS_LENGTH, type Endpoint, formatAddress, isWildcard } from '../wire/endpoint.js';
import type { DeviceSource } from './device-source.js';
import type { Responder } from './responder.js';
import type { LocalAddress } from './zone.js';

/** The collaborators of both transports. */
export interface Answering {
  readonly responder: Responder;
  readonly source: DeviceSource;
  /** Of datagrams. */
  readonly admission: Admission;
  /** Of all queries, by source. */
  readonly limiter: RateLimiter;
  /** Of replies over UDP that are larger than their query; undefined if sources cannot be forged. */
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
    /** The endpoint that the socket is bound to. */
    private readonly bound: Endpoint,
    private readonly socket: () => BatchSocket,
  ) {}

  /** Answers a received batch, at once or after the reading of the device that is due. */
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

  private admit(batch: DatagramBatch, count: number): void {
    const { admission, now } = this.answering;
    const time = now();
    for (let slot = 0; slot < count; slot++) {
      if (!admission.admits(batch, slot, this.bound.family, time)) {
        batch.lengths[slot] = NO_REPLY;
      }
    }
  }

  /** Puts a query aside. Without room it is answered from the last reading, unless that is too old. */
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
      // The client repeats its query, which is better than an outdated answer.
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
    // A datagram that did not fit in the slot was cut, and is malformed.
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

  /** The address that a query was sent to; undefined if node:dgram does not report it. */
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
