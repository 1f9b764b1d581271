/**
 * Passes errors on, one per interval at most, with the number of those left out since the last.
 * @param now a monotonic clock, in milliseconds
 */
export function throttle(
  intervalMs: number,
  now: () => number,
  report: (error: Error, leftOut: number) => void,
): (error: Error) => void {
  let nextAt = Number.NEGATIVE_INFINITY;
  let leftOut = 0;
  return (error) => {
    if (now() < nextAt) {
      leftOut++;
      return;
    }
    nextAt = now() + intervalMs;
    report(error, leftOut);
    leftOut = 0;
  };
}
