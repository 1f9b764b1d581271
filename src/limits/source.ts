import type { Family } from '../wire/endpoint.js';
import { type HashKey, halfSipHash } from './half-siphash.js';

/**
 * The networks that have a share, from the narrowest to the widest, by the bytes of their prefixes. An
 * IPv6 /64 is one network at least, a /56 or /48 what one site is given, a /32 what one provider has.
 */
export const SHARE_PREFIX_BYTES = { 4: [4, 3], 6: [8, 7, 6, 4] } as const;

/** Words of an address that say which networks it belongs to. */
export const SOURCE_WORDS = 2;

/** The networks that an address belongs to. */
export interface Source {
  readonly family: Family;
  /** A keyed hash of each network of SHARE_PREFIX_BYTES; its halves are independent bucket numbers. */
  readonly hashes: readonly number[];
}

const words = new Uint32Array(SOURCE_WORDS);
const bytes = new Uint8Array(words.buffer);

/**
 * The networks of an address.
 * @param addresses the address at offset, in network order; its first SOURCE_WORDS words suffice
 */
export function sourceAt(
  addresses: Uint32Array,
  offset: number,
  family: Family,
  key: HashKey,
): Source {
  words[0] = addresses[offset]!;
  words[1] = family === 4 ? 0 : addresses[offset + 1]!;
  const hashes = SHARE_PREFIX_BYTES[family].map((length) => {
    bytes.fill(0, length);
    return halfSipHash(words, 0, SOURCE_WORDS, key);
  });
  return { family, hashes };
}
