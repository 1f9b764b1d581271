/** An item that is due once; the wheel owns the field. */
export interface Timed {
  /** When the item is due, in ms; infinite when it is not in the wheel. */
  dueAt: number;
}

/** How late an item may be called, apart from the caller's own steps. */
const TICK_MS = 50;

/** Ticks of one turn, 205 s: an item that is due later stays in its bucket for another turn. */
const BUCKETS = 4096;

/**
 * Items by their due time, each at most once: a hashed timing wheel (Varghese & Lauck, "Hashed and
 * Hierarchical Timing Wheels", 1987, scheme 6). Setting, moving and cancelling take constant time.
 */
export class TimerWheel<T extends Timed> {
  private readonly buckets: (Set<T> | undefined)[] = new Array(BUCKETS);
  /** The next tick. */
  private tick: number;

  constructor(now: number) {
    this.tick = tickOf(now);
  }

  /** Schedules the item for dueAt (ms) alone; infinity cancels it. */
  schedule(item: T, dueAt: number): void {
    // An overdue item goes into the bucket of the next tick.
    const at = Math.max(dueAt, this.tick * TICK_MS);
    if (item.dueAt === at) {
      return;
    }
    this.bucket(item.dueAt)?.delete(item);
    item.dueAt = at;
    if (at !== Number.POSITIVE_INFINITY) {
      const index = tickOf(at) % BUCKETS;
      const bucket = this.buckets[index] ?? new Set();
      this.buckets[index] = bucket.add(item);
    }
  }

  /** Schedules the item for dueAt (ms) at the latest. */
  hasten(item: T, dueAt: number): void {
    if (dueAt < item.dueAt) {
      this.schedule(item, dueAt);
    }
  }

  /** Calls up to `maxItems` items that are due at `now`; the rest follows with the next step. */
  advance(now: number, maxItems: number, call: (item: T) => void): void {
    let called = 0;
    const last = Math.floor(now / TICK_MS);
    // After the loop stood still for longer than a turn, each bucket is visited once.
    this.tick = Math.max(this.tick, last - BUCKETS + 1);
    for (; this.tick <= last; this.tick++) {
      for (const item of this.buckets[this.tick % BUCKETS] ?? []) {
        if (item.dueAt <= now) {
          if (called++ === maxItems) {
            return;
          }
          this.schedule(item, Number.POSITIVE_INFINITY);
          call(item);
        }
      }
    }
  }

  private bucket(dueAt: number): Set<T> | undefined {
    return dueAt === Number.POSITIVE_INFINITY ? undefined : this.buckets[tickOf(dueAt) % BUCKETS];
  }
}

function tickOf(ms: number): number {
  return Math.ceil(ms / TICK_MS);
}
