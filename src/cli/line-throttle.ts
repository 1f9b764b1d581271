/** Lines about a topic that may follow each other at once, and how many ms each later one costs. */
const BURST = 6;
const INTERVAL_MS = 5000;

/** Writes a line; `leftOut` is the number of earlier lines about its topic that were left out. */
type Write = (leftOut: number) => void;

interface Topic {
  /** When the full burst is available again. */
  fullAt: number;
  /** The latest line that was held back, and how many before it. */
  held: Write | undefined;
  leftOut: number;
}

/**
 * Limits log lines per topic, so that a hostile or flapping peer cannot fill the log: a burst, then one line
 * in 5 s. The latest line of a topic is never lost: it is held back until `flush` finds it allowed. One entry
 * is kept for each topic with lines in the last half minute.
 */
export class LineThrottle {
  readonly #now: () => number;
  readonly #topics = new Map<string, Topic>();

  /** @param now milliseconds of a clock that does not go back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Writes a line about a topic, now or later; a later line replaces one that was held back. */
  line(topic: string, write: Write): void {
    const state = this.#topics.get(topic) ?? { fullAt: 0, held: undefined, leftOut: 0 };
    this.#topics.set(topic, state);
    if (state.held !== undefined) {
      state.leftOut++;
    }
    state.held = write;
    this.#release(state);
  }

  /** Writes lines that were held back and are allowed by now. Call it every few seconds. */
  flush(): void {
    for (const [topic, state] of this.#topics) {
      this.#release(state);
      if (state.held === undefined && state.fullAt <= this.#now()) {
        this.#topics.delete(topic);
      }
    }
  }

  #release(state: Topic): void {
    const fullAt = Math.max(state.fullAt, this.#now());
    if (state.held === undefined || fullAt - this.#now() > (BURST - 1) * INTERVAL_MS) {
      return;
    }
    const { held, leftOut } = state;
    Object.assign(state, { fullAt: fullAt + INTERVAL_MS, held: undefined, leftOut: 0 });
    held(leftOut);
  }
}
