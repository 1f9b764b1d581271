import type { ResponsePayload } from '../../wire/sealed-response.js';
import { STATUS } from '../../wire/sealed-response.js';
import { CLOCK_TOLERANCE_MS } from './timing.js';

/** Why there may be no session, as far as the server said, or did not. Pure. */
export class Trouble {
  /** Initiations in a row that nothing answered. */
  unanswered = 0;
  /** The server said that ours was made for another key than its own. */
  hasWrongKey = false;
  refusal: 'not-allowed' | 'full' | undefined;
  /** The server has had a timestamp from our key that was so many milliseconds ahead of ours. */
  staleByMs: number | undefined;
  /** Our clock less the server's, in milliseconds, where they are more than an hour apart. */
  clockAheadMs: number | undefined;
  #wasStale = false;

  /** Somebody who knows the server's key answers. */
  answered(): void {
    this.unanswered = 0;
    this.hasWrongKey = false;
  }

  /** A response came. */
  responded({ status, clockMs }: ResponsePayload, wallNow: number): void {
    this.answered();
    const ahead = wallNow - clockMs;
    this.clockAheadMs = Math.abs(ahead) > CLOCK_TOLERANCE_MS ? ahead : undefined;
    this.refusal = undefined;
    if (status === STATUS.notAllowed) {
      this.refusal = 'not-allowed';
    } else if (status === STATUS.full) {
      this.refusal = 'full';
    } else if (status === STATUS.welcome) {
      // What follows a stale timestamp succeeds at once; the trouble is over when the one after it does.
      this.staleByMs = this.#wasStale ? this.staleByMs : undefined;
      this.#wasStale = false;
    }
  }

  stale(byMs: number): void {
    this.staleByMs = byMs;
    this.#wasStale = true;
  }
}
