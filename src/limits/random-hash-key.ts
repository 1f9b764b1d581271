import { randomBytes } from 'node:crypto';
import type { HashKey } from './half-siphash.js';

/** A key for this process: nobody outside can choose what collides. */
export function randomHashKey(): HashKey {
  const bytes = randomBytes(8);
  return { low: bytes.readInt32LE(0), high: bytes.readInt32LE(4) };
}
