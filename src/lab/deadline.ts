import { setTimeout as delay } from 'node:timers/promises';

/** How long a state is waited for, and how often it is looked at. */
export interface DeadlineOptions {
  /** @default 10 000 */
  readonly timeoutMs?: number;
  /** @default 20 */
  readonly intervalMs?: number;
}

type Missing = undefined | null | false;

/**
 * Waits until `probe` gives something other than undefined, null or false, and gives that.
 * Rejects after the time limit with the name of what was waited for.
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
      throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    }
    await delay(intervalMs);
  }
}
