import { IDLE_POLL_MS } from './timing.js';

/** While something is going on, readings take a third of the time at most; before a change, half of it. */
const CONNECTING_MULTIPLE = 3;

/** Otherwise they take a twentieth: of a host with many clients, or of a hub with thousands of peers. */
const IDLE_MULTIPLE = 20;
/** A path that breaks has to be noticed before the peer counts as gone, after 15 s. */
const MAX_IDLE_PAUSE_MS = 5000;

/**
 * The pause between two readings of the interface, in milliseconds. On a busy host a reading takes longer:
 * then they are further apart, so that clients do not keep each other from their work.
 * @param wantedMs the pause where readings take no time; 0 before a change, which needs a new one
 * @param lastMs how long the last one took
 */
export function readingPause(wantedMs: number, lastMs: number): number {
  if (wantedMs >= IDLE_POLL_MS) {
    return Math.max(wantedMs, Math.min(IDLE_MULTIPLE * lastMs, MAX_IDLE_PAUSE_MS));
  }
  const spacing = wantedMs === 0 ? lastMs : CONNECTING_MULTIPLE * lastMs;
  return Math.max(wantedMs, Math.min(spacing, IDLE_POLL_MS));
}
