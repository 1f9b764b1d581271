import {
  FIRST_INTERVAL_MS,
  FIRST_REQUESTS,
  INTERVAL_GROWTH,
  MAX_INTERVAL_MS,
  PATIENT_REQUESTS,
  REFRESH_INTERVAL_MS,
} from './timing.js';

/** When to ask a server about a peer that is not alive: often at first, and less often with each request. Pure. */
export class AskTimes {
  #askAt: number;
  #requests = 0;

  constructor(now: number) {
    this.#askAt = now;
  }

  /** When to ask next. */
  get askAt(): number {
    return this.#askAt;
  }

  /** A request was sent. */
  asked(now: number): void {
    this.#requests += 1;
    const grown = INTERVAL_GROWTH ** Math.max(0, this.#requests - FIRST_REQUESTS);
    const interval = Math.min(FIRST_INTERVAL_MS * grown, MAX_INTERVAL_MS);
    this.#askAt = now + (this.#requests > PATIENT_REQUESTS ? REFRESH_INTERVAL_MS : interval);
  }

  /** The peer is alive, or was until now: the schedule starts again. */
  restart(now: number): void {
    this.#requests = 0;
    this.#askAt = now;
  }
}
