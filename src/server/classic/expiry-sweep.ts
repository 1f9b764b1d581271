import type { RowArena } from './row-arena.js';

/** Visits of each row per time to live: expired rows are removed at most a quarter of it late. */
const SWEEPS_PER_TTL = 4;

/** The most rows visited in one step: 64 bytes each in memory order, under a millisecond. */
const MAX_VISITS = 32_768;

/** The most rows removed in one step: each costs a few cache misses. */
const MAX_REMOVALS = 4096;

/** Removes a row when it is taken and has expired at the tick; returns whether it did. */
export type Expire = (row: number, tick: number) => boolean;

/**
 * Reclaims expired rows by walking the arena in circles, in proportion to the time that passed. A refresh
 * writes a time stamp and nothing else, and a row needs no links. With one time to live for all rows, that
 * is less work than a timing wheel, and the walk is in memory order.
 */
export class ExpirySweep {
  private cursor = 0;
  private sweptAt: number | undefined;
  private owed = 0;

  constructor(
    private readonly arena: RowArena,
    private readonly expire: Expire,
    private readonly ttlMs: number,
  ) {}

  /** Makes the step that is due at `now` (ms). */
  step(now: number): void {
    const elapsed = now - (this.sweptAt ?? now);
    this.sweptAt = now;
    // At most one round is owed, so that no long pause follows after the loop stood still.
    this.owed = Math.min(
      this.owed + (elapsed / this.ttlMs) * SWEEPS_PER_TTL * this.arena.high,
      this.arena.high,
    );
    const due = Math.min(Math.floor(this.owed), MAX_VISITS);
    this.visit(due, MAX_REMOVALS, now | 0);
  }

  /** Visits some rows now, out of turn. */
  reclaim(visits: number, tick: number): void {
    this.visit(Math.min(visits, this.arena.high), MAX_REMOVALS, tick);
  }

  private visit(visits: number, maxRemovals: number, tick: number): void {
    let removed = 0;
    let visited = 0;
    while (visited < visits && removed < maxRemovals) {
      this.cursor = this.cursor >= this.arena.high ? 1 : this.cursor + 1;
      visited++;
      if (this.expire(this.cursor, tick)) {
        removed++;
      }
    }
    this.owed = Math.max(0, this.owed - visited);
  }
}
