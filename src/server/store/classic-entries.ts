import { readPort, writePort } from '../../wire/byte-order.js';
import { ADDRESS_LENGTH, type Family } from '../../wire/endpoint.js';
import { STORE_PREFIX } from './entries.js';

const TIME_LENGTH = 8;
const ADDRESS_WORDS = 4;

/** An endpoint of a classic peer, and when it was heard there. */
export interface ClassicEntry {
  /** Milliseconds since 1970 UTC, by the clock of the server that heard it. */
  readonly heardAt: number;
  /** The address in network order, 4 words, IPv4 in the first; then the port. */
  readonly words: Uint32Array;
}

/** The key of a classic entry. @param key 32 bytes, a character each */
export function classicKey(key: string, family: Family): string {
  return `${STORE_PREFIX}${family}:${Buffer.from(key, 'latin1').toString('base64')}`;
}

/** time[8] address[4 or 16] port[2], in network order. */
export function encodeClassicEntry({ heardAt, words }: ClassicEntry, family: Family): Buffer {
  const length = ADDRESS_LENGTH[family];
  const bytes = Buffer.alloc(TIME_LENGTH + length + 2);
  bytes.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(heardAt))));
  const address = new Uint8Array(words.buffer, words.byteOffset, ADDRESS_LENGTH[6]);
  bytes.set(address.subarray(0, length), TIME_LENGTH);
  writePort(bytes, TIME_LENGTH + length, words[ADDRESS_WORDS]!);
  return bytes;
}

/** Decodes all of the bytes; undefined if they are not an entry of the family. */
export function decodeClassicEntry(bytes: Uint8Array, family: Family): ClassicEntry | undefined {
  const length = ADDRESS_LENGTH[family];
  if (bytes.length !== TIME_LENGTH + length + 2) {
    return undefined;
  }
  const words = new Uint32Array(ADDRESS_WORDS + 1);
  new Uint8Array(words.buffer).set(bytes.subarray(TIME_LENGTH, TIME_LENGTH + length));
  words[ADDRESS_WORDS] = readPort(bytes, TIME_LENGTH + length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, TIME_LENGTH);
  return words[ADDRESS_WORDS] === 0 ? undefined : { heardAt: Number(view.getBigUint64(0)), words };
}
