import { addressBytes, addressFamily, type Family } from '../wire/endpoint.js';
import { type HashKey, halfSipHash } from './half-siphash.js';

/** Words of the prefix that is one source: an IPv4 /32, an IPv6 /64 (the least that one site has). */
const SOURCE_WORDS = { 4: 1, 6: 2 } as const;

/**
 * The source that an address belongs to, as 32 bits of a keyed hash. Its two halves are independent bucket
 * numbers. All addresses of a source share its rate.
 * @param addresses the address at offset, in network order
 */
export function sourceHash(
  addresses: Uint32Array,
  offset: number,
  family: Family,
  key: HashKey,
): number {
  return halfSipHash(addresses, offset, SOURCE_WORDS[family], key);
}

/** The source of a TCP connection by its address; undefined, of a socket closed already, counts as `::`. */
export function connectionSource(address: string | undefined, key: HashKey): number {
  const words = new Uint32Array(4);
  new Uint8Array(words.buffer).set(addressBytes(address ?? '::'));
  return sourceHash(words, 0, addressFamily(address ?? '::') ?? 6, key);
}
