/**
 * Tells an error unless it told one less than so long ago, with how many were left out since.
 * @param now of a clock that does not go back, in milliseconds
 */
export function atIntervals(
  intervalMs: number,
  now: () => number,
  tell: (error: Error, leftOut: number) => void,
): (error: Error) => void {
  let nextAt = Number.NEGATIVE_INFINITY;
  let leftOut = 0;
  return (error) => {
    if (now() < nextAt) {
      leftOut++;
      return;
    }
    nextAt = now() + intervalMs;
    tell(error, leftOut);
    leftOut = 0;
  };
}
