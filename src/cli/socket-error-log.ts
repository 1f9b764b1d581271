const INTERVAL_MS = 10_000;

/**
 * A log of receives and sends that fail, of which there may be thousands: one line in ten seconds, with how
 * many were left out since the last.
 */
export function socketErrorLog(
  warn: (line: string) => void,
  now: () => number = () => performance.now(),
): (error: Error) => void {
  let nextAt = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return ({ message }) => {
    if (now() < nextAt) {
      unsaid++;
      return;
    }
    const others = unsaid === 0 ? '' : `, and ${unsaid} times since this was last said`;
    warn(`a socket failed to receive or send: ${message}${others}; it goes on, and counts them`);
    nextAt = now() + INTERVAL_MS;
    unsaid = 0;
  };
}
