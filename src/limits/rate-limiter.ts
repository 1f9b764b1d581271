import { SOURCE_BUCKETS } from './source-share.js';

export interface RateLimit {
  /** Datagrams a second for one source; 0 = no limit. */
  readonly rate: number;
  /** Datagrams that a source may send at once after a pause; at least 1. */
  readonly burst: number;
}

/**
 * Token buckets for sources in constant memory (1 MiB), by the generic cell rate algorithm (ITU-T
 * I.371): a bucket is one number, the time at which it is full again. Each source draws from two
 * buckets picked by independent halves of its hash and is refused only when both are empty, so a
 * bystander who shares one with an abuser is still served from the other.
 */
export class RateLimiter {
  private readonly fullAt = new Float64Array(2 * SOURCE_BUCKETS);
  private readonly costMs: number;
  private readonly depthMs: number;

  constructor({ rate, burst }: RateLimit) {
    this.costMs = rate === 0 ? 0 : 1000 / rate;
    // Half a token of slack, so that rounding never takes the last token of a burst.
    this.depthMs = this.costMs * (burst - 0.5);
  }

  /** Takes a token of the source at `now` (ms); false when it has none. */
  allows(source: number, now: number): boolean {
    if (this.costMs === 0) {
      return true;
    }
    // Both draws are made: an allowed datagram costs a token in each bucket that has one.
    const first = this.draw(source & 0xffff, now);
    const second = this.draw(SOURCE_BUCKETS + (source >>> 16), now);
    return first || second;
  }

  /** Whether allows() would take a token of the source; takes none. */
  has(source: number, now: number): boolean {
    return (
      this.costMs === 0 ||
      this.fullAt[source & 0xffff]! - now <= this.depthMs ||
      this.fullAt[SOURCE_BUCKETS + (source >>> 16)]! - now <= this.depthMs
    );
  }

  private draw(bucket: number, now: number): boolean {
    const fullAt = Math.max(this.fullAt[bucket]!, now);
    if (fullAt - now > this.depthMs) {
      return false;
    }
    this.fullAt[bucket] = fullAt + this.costMs;
    return true;
  }
}
