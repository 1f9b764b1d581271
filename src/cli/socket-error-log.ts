import { throttle } from '../socket/throttle.js';

const INTERVAL_MS = 10_000;

/**
 * A log of receives and sends that fail, of which there may be thousands: one line in ten seconds, with how
 * many were left out since the last.
 */
export function socketErrorLog(
  warn: (line: string) => void,
  now: () => number = () => performance.now(),
): (error: Error) => void {
  return throttle(INTERVAL_MS, now, ({ message }, leftOut) => {
    const others = leftOut === 0 ? '' : `, and ${leftOut} times since this was last said`;
    warn(`a socket failed to receive or send: ${message}${others}; it goes on, and counts them`);
  });
}
