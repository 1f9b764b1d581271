import { median } from '../src/compare/measure/statistics.js';

/** What a server did in one slice of a measurement, or in the median of several. */
export interface Measure {
  /** Answers per second. */
  readonly perSecond: number;
  /** The server's processor time for each of them. */
  readonly cpuUsPerRequest: number;
}

/** The median of each figure. */
export function typical(slices: readonly Measure[]): Measure {
  return {
    perSecond: median(slices.map(({ perSecond }) => perSecond)),
    cpuUsPerRequest: median(slices.map(({ cpuUsPerRequest }) => cpuUsPerRequest)),
  };
}

/**
 * How many times as fast one server is as another whose slices were taken beside its own: the median of
 * the ratios. The speed of a virtual machine changes from second to second, but for both alike.
 */
export function timesAsFast(slices: readonly Measure[], others: readonly Measure[]): number {
  return median(slices.map(({ perSecond }, i) => perSecond / (others[i]?.perSecond ?? Number.NaN)));
}
