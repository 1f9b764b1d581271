import { decodeTai64n, encodeTai64n } from '../../wire/tai64n.js';

/** TAI64N keeps nanoseconds; a step that survives every rounding is taken. */
const STEP_MS = 1;

/** The timestamps of initiations: each later than any before, even where the clock is set back. */
export class Timestamps {
  #latestMs = Number.NEGATIVE_INFINITY;

  /** The next one (TAI64N) when the wall clock shows `wallNow`, in milliseconds since 1970 UTC. */
  next(wallNow: number): Uint8Array {
    this.#latestMs = Math.max(wallNow, this.#latestMs + STEP_MS);
    return encodeTai64n(this.#latestMs);
  }

  /**
   * The server has had this one (TAI64N) from our key.
   * @returns how many milliseconds it is ahead of the last of ours; 0 where it is ours, or older
   */
  raise(timestamp: Uint8Array): number {
    const had = decodeTai64n(timestamp);
    const ahead = had - this.#latestMs;
    this.#latestMs = Math.max(this.#latestMs, had);
    return ahead < STEP_MS ? 0 : ahead;
  }
}
