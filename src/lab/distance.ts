/**
 * How far a site of the lab is from the others. Half of it lies on the site's own uplink, half on that
 * of the site at the other end, so between two sites with the same distance all of it applies.
 */
export interface Distance {
  /** From host to host and back, and equally to `rv` and back: 0..10 000 ms. @default 0 */
  readonly roundTripMs?: number;
  /** A round trip takes `roundTripMs` ± up to this much, evenly spread: 0..roundTripMs. @default 0 */
  readonly jitterMs?: number;
  /** The share of packets, 0..1, that get lost on one way from host to host. @default 0 */
  readonly loss?: number;
  /** Whether jitter lets a packet overtake an earlier one. @default false */
  readonly reorder?: boolean;
}

/** What one uplink does to a packet, in each direction. */
export interface LineSettings {
  readonly delayMs: number;
  /** The delay is `delayMs` ± up to this much. */
  readonly jitterMs: number;
  /** 0..1. */
  readonly loss: number;
  readonly reorder: boolean;
}

const MAX_ROUND_TRIP_MS = 10_000;
/** Up at one end, down at the other, and the same on the way back. */
const CROSSINGS = 4;

/**
 * What the uplink of a site does; undefined where it does nothing.
 * Throws a RangeError on a distance that cannot be.
 */
export function lineSettings(distance: Distance): LineSettings | undefined {
  const { roundTripMs = 0, jitterMs = 0, loss = 0, reorder = false } = distance;
  if (!(roundTripMs >= 0 && roundTripMs <= MAX_ROUND_TRIP_MS)) {
    throw new RangeError(`a round trip takes 0..${MAX_ROUND_TRIP_MS} ms, got ${roundTripMs}`);
  }
  if (!(jitterMs >= 0 && jitterMs <= roundTripMs)) {
    throw new RangeError(`jitter is 0..the round trip (${roundTripMs} ms), got ${jitterMs}`);
  }
  if (!(loss >= 0 && loss <= 1)) {
    throw new RangeError(`a loss ratio is 0..1, got ${loss}`);
  }
  if (roundTripMs === 0 && loss === 0) {
    return undefined;
  }
  return {
    delayMs: roundTripMs / CROSSINGS,
    jitterMs: jitterMs / CROSSINGS,
    // One way crosses two uplinks: (1 - p)² of the packets pass both.
    loss: 1 - Math.sqrt(1 - loss),
    reorder,
  };
}
