import { median, percentile } from '../../src/compare/measure/statistics.js';

/** How times are spread, in ms. */
export interface Spread {
  readonly count: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

export function spreadOf(times: readonly number[]): Spread {
  return {
    count: times.length,
    medianMs: median(times),
    p99Ms: percentile(times, 0.99),
    worstMs: percentile(times, 1),
  };
}
