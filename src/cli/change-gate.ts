/** Changes in a second that get a line each. */
const MAX_CHANGES = 10;
const SECOND_MS = 1000;

/**
 * Decides which changes are logged one by one: as many as people can read. If there are more in a second, it only
 * counts them, until a second has few again.
 * Times are milliseconds of one clock that does not go back.
 */
export class ChangeGate {
  #secondAt = Number.NEGATIVE_INFINITY;
  #changes = 0;
  #leftOut = 0;
  #isBusy = false;

  /** A change happened. Returns whether it gets its own line. */
  admits(now: number): boolean {
    if (now >= this.#secondAt + SECOND_MS && this.#leftOut === 0) {
      this.#secondAt = now;
      this.#changes = 0;
      this.#isBusy = false;
    }
    this.#changes++;
    this.#isBusy ||= this.#changes > MAX_CHANGES;
    if (this.#isBusy) {
      this.#leftOut++;
    }
    return !this.#isBusy;
  }

  /** How many changes got no line, once their second is over; 0 before, and if there were none. */
  takeLeftOut(now: number): number {
    if (this.#leftOut === 0 || now < this.#secondAt + SECOND_MS) {
      return 0;
    }
    const leftOut = this.#leftOut;
    this.#isBusy = leftOut > MAX_CHANGES;
    this.#secondAt = now;
    this.#changes = 0;
    this.#leftOut = 0;
    return leftOut;
  }
}
