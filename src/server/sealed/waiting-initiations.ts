import type { HashKey } from '../../limits/half-siphash.js';
import { DEFAULT_STRIDE } from '../../socket/batch-interface.js';
import { ADDRESS_WORDS, createDatagramBatch } from '../../socket/datagram-batch.js';
import type { Family } from '../../wire/endpoint.js';
import { Incoming } from './incoming.js';

/** 100 ms of handshakes alone, 230 ms with what returning clients cause besides; in 330 KB. */
const MAX_WAITING = 256;

/** A client replaces its first initiation after 300 ms, and ignores the answer then: the rest is for the round trip. */
const MAX_WAIT_MS = 100;

/** Initiations that wait for their handshakes, in order of arrival. */
export class WaitingInitiations {
  private readonly batch = createDatagramBatch(MAX_WAITING, DEFAULT_STRIDE);
  private readonly families: Family[] = [];
  private readonly sockets: number[] = [];
  private readonly arrivedAt = new Float64Array(MAX_WAITING);
  private readonly incoming: Incoming;
  private first = 0;
  private count = 0;

  constructor(hashKey: HashKey) {
    this.incoming = new Incoming(hashKey);
  }

  get size(): number {
    return this.count;
  }

  get isFull(): boolean {
    return this.count === MAX_WAITING;
  }

  /** Copies a datagram that arrived at `now` (ms), if there is room. */
  add({ payload, at, length, addressWords, addressWord, family, socket }: Incoming, now: number) {
    if (this.isFull) {
      return;
    }
    const { batch } = this;
    const slot = (this.first + this.count) % MAX_WAITING;
    this.count++;
    batch.payload.set(payload.subarray(at, at + length), slot * batch.stride);
    batch.lengths[slot] = length;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      batch.addresses[slot * ADDRESS_WORDS + i] = addressWords[addressWord + i]!;
    }
    this.families[slot] = family;
    this.sockets[slot] = socket;
    this.arrivedAt[slot] = now;
  }

  /** Takes out the oldest one, which is valid until the next call; undefined for none. */
  take(): Incoming | undefined {
    if (this.count === 0) {
      return undefined;
    }
    const { batch, incoming, first: slot } = this;
    this.first = (slot + 1) % MAX_WAITING;
    this.count--;
    incoming.begin(batch, 0, this.families[slot]!, this.sockets[slot]!);
    incoming.slot = slot;
    return incoming;
  }

  /** Whether the one that was taken out last has waited so long that its client has given it up. */
  isLate({ slot }: Incoming, now: number): boolean {
    return now - this.arrivedAt[slot]! > MAX_WAIT_MS;
  }
}
