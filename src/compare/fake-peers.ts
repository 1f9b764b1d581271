import { x25519Keys } from '../lab/index.js';
import type { FakePeer } from './approach.js';

/** So many peers that exist only as key pairs. */
export function fakePeers(count: number): FakePeer[] {
  return Array.from({ length: count }, x25519Keys);
}
