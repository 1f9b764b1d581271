import { randomBytes } from 'node:crypto';
import type { HashKey } from './half-siphash.js';

/** A random key for this process, so that no outsider can choose inputs that collide. */
export function randomHashKey(): HashKey {
  const bytes = randomBytes(8);
  return { low: bytes.readInt32LE(0), high: bytes.readInt32LE(4) };
}
