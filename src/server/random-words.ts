import { randomFillSync } from 'node:crypto';

const POOL_WORDS = 1024;

/** Unpredictable 32-bit numbers, many at a time: asking the generator costs more than what it gives. */
export function randomWords(): () => number {
  const pool = new Int32Array(POOL_WORDS);
  let next = POOL_WORDS;
  return () => {
    if (next === POOL_WORDS) {
      randomFillSync(pool);
      next = 0;
    }
    return pool[next++]!;
  };
}
