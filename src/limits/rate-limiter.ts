import { CellRate, type RateLimit } from './cell-rate.js';
import { SOURCE_BUCKETS } from './source-share.js';

/** What allows() charged last, as bits. */
const FIRST = 1;
const SECOND = 2;

/**
 * A rate limit per source in constant memory (1 MiB). Each source draws from two buckets, picked by
 * independent halves of its hash, and is refused only when both are empty. A bystander who shares one
 * bucket with an abuser is still served from the other.
 */
export class RateLimiter {
  private readonly fullAt = new Float64Array(2 * SOURCE_BUCKETS);
  private readonly rate: CellRate;
  private charged = 0;

  constructor(limit: RateLimit) {
    this.rate = new CellRate(limit);
  }

  /** Takes a token of the source at `now` (ms); false when it has none. */
  allows(source: number, now: number): boolean {
    if (this.rate.isUnlimited) {
      return true;
    }
    // Both draws are made: an allowed datagram costs a token in each bucket that has one.
    this.charged =
      (this.draw(source & 0xffff, now) ? FIRST : 0) |
      (this.draw(SOURCE_BUCKETS + (source >>> 16), now) ? SECOND : 0);
    return this.charged !== 0;
  }

  /** Gives back what the last call of allows() took; that call was for the same source. */
  giveBack(source: number): void {
    const { fullAt, rate, charged } = this;
    if (charged & FIRST) {
      fullAt[source & 0xffff] = rate.giveBack(fullAt[source & 0xffff]!);
    }
    if (charged & SECOND) {
      const second = SOURCE_BUCKETS + (source >>> 16);
      fullAt[second] = rate.giveBack(fullAt[second]!);
    }
    this.charged = 0;
  }

  private draw(bucket: number, now: number): boolean {
    const fullAt = this.fullAt[bucket]!;
    if (!this.rate.has(fullAt, now)) {
      return false;
    }
    this.fullAt[bucket] = this.rate.take(fullAt, now);
    return true;
  }
}
