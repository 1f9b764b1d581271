import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';

const DEADLINE_MS = 10_000;

/**
 * Waits until a state is reached, letting the loop turn in between; fails when it takes 10 s.
 * @param attempt done anew at each turn, for what may get lost on the way
 */
export async function until(
  what: string,
  reached: () => boolean,
  attempt: () => void = () => {},
): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!reached()) {
    assert.ok(Date.now() < deadline, `waited ${DEADLINE_MS} ms for ${what}`);
    attempt();
    await nextTurn();
  }
}
