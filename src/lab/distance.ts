/**
 * The distance of a site from the others. The site's own uplink adds half of it, the uplink of the other
 * site half of that site's distance. Between sites with the same distance, exactly this distance applies.
 */
export interface Distance {
  /** From host to host and back, and from host to `rv` and back: 0..10 000 ms. @default 0 */
  readonly roundTripMs?: number;
  /** Each round trip takes `roundTripMs` ± up to this time: 0..roundTripMs. @default 0 */
  readonly jitterMs?: number;
  /** The share of packets, 0..1, that are lost on the way from host to host. @default 0 */
  readonly loss?: number;
  /** Whether jitter lets a packet overtake an earlier one. @default false */
  readonly reorder?: boolean;
}

/** The effect of one uplink on a packet, in each direction. */
export interface LineSettings {
  readonly delayMs: number;
  /** The delay varies by up to this time, uniformly in both directions. */
  readonly jitterMs: number;
  /** 0..1. */
  readonly loss: number;
  readonly reorder: boolean;
}

const MAX_ROUND_TRIP_MS = 10_000;
/** The uplinks that a round trip crosses: two on each way. */
const CROSSINGS = 4;

/**
 * The settings of a site's uplink; undefined if it has no effect.
 * Throws a RangeError if the distance is out of range.
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
    // A packet crosses two uplinks: (1 - p)² of the packets pass both.
    loss: 1 - Math.sqrt(1 - loss),
    reorder,
  };
}
