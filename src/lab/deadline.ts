import { setTimeout as delay } from 'node:timers/promises';

/** The time limit of a wait, and the interval of its checks. */
export interface DeadlineOptions {
  /** @default 10 000 */
  readonly timeoutMs?: number;
  /** @default 20 */
  readonly intervalMs?: number;
}

type Missing = undefined | null | false;

/**
 * Waits until `probe` returns something other than undefined, null or false, and returns that.
 * Rejects after the time limit, with `what` in the message.
 */
export async function until<T>(
  what: string,
  probe: () => T | Missing | Promise<T | Missing>,
  { timeoutMs = 10_000, intervalMs = 20 }: DeadlineOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== null && value !== false) {
      return value;
    }
    if (performance.now() >= deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`);
    }
    await delay(intervalMs);
  }
}
