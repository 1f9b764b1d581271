/** How far a counter may be behind the highest (the plain form of RFC 6479's window). */
export const REPLAY_WINDOW = 1024;

const WORD_BITS = 32;

/** The counters seen among the last 1024. Counters are whole numbers from 0. Takes 128 bytes. */
export class ReplayWindow {
  /** The highest counter seen; -1 before the first. */
  private newest = -1;
  /** Bit `counter % 1024` is set for a counter that was seen. */
  private readonly seen = new Uint32Array(REPLAY_WINDOW / WORD_BITS);

  get highest(): number {
    return this.newest;
  }

  /** Whether a counter was not seen yet and is inside the window. */
  isNew(counter: number): boolean {
    if (counter > this.newest) {
      return true;
    }
    return counter > this.newest - REPLAY_WINDOW && !this.has(counter);
  }

  /** Marks a new counter as seen, after its message was authenticated. */
  add(counter: number): void {
    if (counter - this.newest >= REPLAY_WINDOW) {
      this.seen.fill(0);
    } else {
      for (let passed = this.newest + 1; passed < counter; passed++) {
        this.set(passed, false);
      }
    }
    this.set(counter, true);
    this.newest = Math.max(this.newest, counter);
  }

  private has(counter: number): boolean {
    const bit = counter % REPLAY_WINDOW;
    return (this.seen[bit >>> 5]! & (1 << (bit & 31))) !== 0;
  }

  private set(counter: number, seen: boolean): void {
    const bit = counter % REPLAY_WINDOW;
    const mask = 1 << (bit & 31);
    if (seen) {
      this.seen[bit >>> 5]! |= mask;
    } else {
      this.seen[bit >>> 5]! &= ~mask;
    }
  }
}
