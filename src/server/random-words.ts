import { randomFillSync } from 'node:crypto';

const POOL_WORDS = 1024;

/** Unpredictable 32-bit numbers, drawn many at a time: a call of the generator costs more than its bytes. */
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
