import { ADDRESS_WORDS, type DatagramBatch, PORT_WORD } from '../socket/datagram-batch.js';
import type { Family } from '../wire/endpoint.js';
import type { HashKey } from './half-siphash.js';
import type { RateLimiter } from './rate-limiter.js';
import { sourceHash } from './source-hash.js';

/** Datagrams that admission dropped since the start. */
export interface AdmissionCounts {
  /** Of an impossible length, or from port 0, which cannot be answered. */
  malformed: number;
  /** Over the rate of their source. */
  limited: number;
}

export interface AdmissionOptions {
  readonly limiter: RateLimiter;
  /** Keys the source hashes. */
  readonly hashKey: HashKey;
  /** The shortest and the longest datagram of the protocols that are served, in bytes. */
  readonly minLength: number;
  readonly maxLength: number;
}

/**
 * What every datagram has to pass before a protocol reads it: a length that some message has, a port
 * that can be answered, and the rate of its source. The caller drops what is refused.
 */
export class Admission {
  readonly counts: AdmissionCounts = { malformed: 0, limited: 0 };
  /** The source hash of the datagram that was charged last. */
  source = 0;

  constructor(private readonly options: AdmissionOptions) {}

  /** Whether the datagram in a slot is well formed and within the rate of its source, which it charges. */
  admits(batch: DatagramBatch, slot: number, family: Family, now: number): boolean {
    return this.isWellFormed(batch, slot) && this.charge(batch, slot, family, now);
  }

  /** The same for a datagram that its protocol has recognised, whatever its length. */
  admitsAnyLength(batch: DatagramBatch, slot: number, family: Family, now: number): boolean {
    return hasPort(batch, slot) ? this.charge(batch, slot, family, now) : this.refuse();
  }

  /** Whether length and port of the datagram are possible. */
  isWellFormed(batch: DatagramBatch, slot: number): boolean {
    const length = batch.lengths[slot]!;
    return (
      (length >= this.options.minLength &&
        length <= this.options.maxLength &&
        hasPort(batch, slot)) ||
      this.refuse()
    );
  }

  /** Counts a datagram as malformed; false. */
  refuse(): false {
    this.counts.malformed++;
    return false;
  }

  /** Takes a token of the datagram's source at `now` (ms); false when it has none. */
  charge({ addresses }: DatagramBatch, slot: number, family: Family, now: number): boolean {
    this.source = sourceHash(addresses, slot * ADDRESS_WORDS, family, this.options.hashKey);
    if (this.options.limiter.allows(this.source, now)) {
      return true;
    }
    this.counts.limited++;
    return false;
  }

  /** Gives back the token that charge() took last. */
  giveBack(): void {
    this.options.limiter.giveBack(this.source);
  }
}

function hasPort({ addresses }: DatagramBatch, slot: number): boolean {
  return addresses[slot * ADDRESS_WORDS + PORT_WORD] !== 0;
}
