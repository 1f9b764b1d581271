export interface RateLimit {
  /** Tokens per second; 0 = no limit. */
  readonly rate: number;
  /** Tokens available at once after a pause; at least 1. */
  readonly burst: number;
}

/**
 * A token bucket by the generic cell rate algorithm (ITU-T I.371). A bucket is one number, owned by the
 * caller: the time in ms at which it is full again. A new bucket is 0.
 */
export class CellRate {
  private readonly costMs: number;
  private readonly depthMs: number;

  constructor({ rate, burst }: RateLimit) {
    this.costMs = rate === 0 ? 0 : 1000 / rate;
    // Half a token of slack, so that rounding never takes the last token of a burst.
    this.depthMs = this.costMs * (burst - 0.5);
  }

  get isUnlimited(): boolean {
    return this.costMs === 0;
  }

  /** Whether a bucket holds so many tokens at `now` (ms). */
  has(fullAt: number, now: number, tokens = 1): boolean {
    return fullAt - now <= this.depthMs - (tokens - 1) * this.costMs;
  }

  /** The bucket after taking so many tokens at `now` (ms). */
  take(fullAt: number, now: number, tokens = 1): number {
    return Math.max(fullAt, now) + tokens * this.costMs;
  }

  /** A bucket without tokens at `now` (ms). */
  empty(now: number): number {
    return now + this.depthMs + this.costMs / 2;
  }

  /** The bucket after giving a token back. */
  giveBack(fullAt: number): number {
    return fullAt - this.costMs;
  }
}
