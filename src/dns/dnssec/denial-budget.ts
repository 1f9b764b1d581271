/** Signatures a second that denials of names may cost: an eighth of a core at 65 microseconds each. */
export const DENIAL_RATE = 2000;

/** Burst, and the most that can be owed: a second's worth. */
const DEPTH = DENIAL_RATE;

const PER_MS = DENIAL_RATE / 1000;

/**
 * Limits the signatures of denials over all sources: names that do not exist never end, and senders
 * with forged addresses have no rate of their own.
 */
export class DenialBudget {
  private credit = DEPTH;
  private creditedAt: number | undefined;

  /** Whether any is left at `now` (ms); a clock that was set back adds none. */
  hasRoom(now: number): boolean {
    const elapsed = Math.max(now - (this.creditedAt ?? now), 0);
    this.creditedAt = now;
    this.credit = Math.min(this.credit + elapsed * PER_MS, DEPTH);
    return this.credit > 0;
  }

  /** A signature was made. */
  spend(): void {
    this.credit = Math.max(this.credit - 1, -DEPTH);
  }
}
