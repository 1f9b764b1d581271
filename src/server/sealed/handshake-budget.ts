import { RateLimiter } from '../../limits/rate-limiter.js';

/** The part of the server's time that handshakes may take while there is more to do than it can. */
const SHARE = 0.25;

/** How much of that time can be saved up, and how much of it can be owed. */
const DEPTH_MS = 25;

/** A source may begin as many handshakes at once as it is allowed in so many seconds. */
const BURST_SECONDS = 5;

/**
 * How many handshakes are begun: of one source never more than its rate; of all together no more than
 * take a quarter of the time while datagrams pile up, so that known sessions are answered whatever
 * floods there are.
 */
export class HandshakeBudget {
  private readonly limiter: RateLimiter;
  private credit = DEPTH_MS;
  private creditedAt: number | undefined;

  /** @param rate handshakes a second for one source; 0 = no limit */
  constructor(rate: number) {
    this.limiter = new RateLimiter({ rate, burst: Math.max(1, BURST_SECONDS * rate) });
  }

  /** Whether there is time for one more at `now` (ms). */
  hasTime(now: number, isBacklogged: boolean): boolean {
    const elapsed = now - (this.creditedAt ?? now);
    this.creditedAt = now;
    this.credit = Math.min(this.credit + elapsed * SHARE, DEPTH_MS);
    return !isBacklogged || this.credit > 0;
  }

  /** Takes one of the source's handshakes; false when it has none. */
  allows(source: number, now: number): boolean {
    return this.limiter.allows(source, now);
  }

  /** A handshake took so long. */
  spend(ms: number): void {
    this.credit = Math.max(this.credit - ms, -DEPTH_MS);
  }
}
