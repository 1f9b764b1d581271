const FIRST_HOLD_MS = 1000;
const MAX_HOLD_MS = 10_000;

/**
 * Holds writes back while the store refuses them (full, read-only): one is tried after 1 s, then after twice as
 * long each time up to 10 s. Reads and messages go on.
 */
export class WriteGate {
  private holdMs = 0;
  private tryAt = 0;
  private isTrying = false;

  /** @param onChange called with the store's error when it starts refusing writes, and without when it stops */
  constructor(private readonly onChange: (refusal: string | undefined) => void) {}

  get isOpen(): boolean {
    return this.holdMs === 0;
  }

  /** Whether a closed gate lets one write through now, to see whether the store takes it. */
  mayTry(now: number): boolean {
    if (this.isTrying || now < this.tryAt) {
      return false;
    }
    this.isTrying = true;
    return true;
  }

  /** A write was answered. Replies to writes sent before the gate closed are ignored. */
  note(reply: unknown, now: number): void {
    const isRefused = reply instanceof Error;
    if (this.isOpen && isRefused) {
      this.hold(FIRST_HOLD_MS, now);
      this.onChange(reply.message);
    } else if (this.isTrying && isRefused) {
      this.hold(Math.min(2 * this.holdMs, MAX_HOLD_MS), now);
    } else if (this.isTrying) {
      this.reset();
      this.onChange(undefined);
    }
  }

  /** A new connection: whether it takes writes is unknown. */
  reset(): void {
    this.holdMs = 0;
    this.isTrying = false;
  }

  private hold(ms: number, now: number): void {
    this.holdMs = ms;
    this.tryAt = now + ms;
    this.isTrying = false;
  }
}
