import { readUint16 } from './byte-order.js';
import { KEY_LENGTH } from './key.js';
import { MAX_PLAINTEXT_LENGTH } from './sealed.js';

/** What a plaintext's first byte says it is. */
export const FRAME = {
  want: 1,
  drop: 2,
  offer: 3,
  ping: 4,
  prove: 5,
  bye: 6,
  ack: 7,
  peers: 65,
  pong: 66,
  challenge: 67,
  serverAck: 68,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** Bytes of an offer: `nonce[24] ciphertext[48] tag[16]`. */
export const OFFER_LENGTH = 88;

/** Bytes of a path challenge's token. */
export const TOKEN_LENGTH = 8;

export const COUNTER_LENGTH = 8;

/** `kind[1] zero[1] count[2]`, before a list's items. */
export const LIST_HEADER_LENGTH = 4;

/** Bytes of an entry before what its flags announce: `key[32] flags[1]`. */
export const ENTRY_HEADER_LENGTH = KEY_LENGTH + 1;

/** What an entry of `peers` holds, in this order. */
export const ENTRY_FLAG = { ipv4: 1, ipv6: 2, offer: 4, notKept: 8 } as const;

const ALL_FLAGS = 15;

/** Bytes of an item of each kind of list that has items of one length. */
export const ITEM_LENGTH = {
  [FRAME.want]: KEY_LENGTH,
  [FRAME.drop]: KEY_LENGTH,
  [FRAME.offer]: KEY_LENGTH + OFFER_LENGTH,
  [FRAME.ack]: COUNTER_LENGTH,
  [FRAME.serverAck]: COUNTER_LENGTH,
} as const;

export type ListKind = keyof typeof ITEM_LENGTH;

/** How many items of a length fit one datagram. */
export function maxItems(itemLength: number): number {
  return Math.floor((MAX_PLAINTEXT_LENGTH - LIST_HEADER_LENGTH) / itemLength);
}

/** Bytes of an entry with these flags; undefined for flags that there are not. */
export function entryLength(flags: number | undefined): number | undefined {
  if (flags === undefined || flags > ALL_FLAGS) {
    return undefined;
  }
  const ipv4 = flags & ENTRY_FLAG.ipv4 ? 6 : 0;
  const ipv6 = flags & ENTRY_FLAG.ipv6 ? 18 : 0;
  return ENTRY_HEADER_LENGTH + ipv4 + ipv6 + (flags & ENTRY_FLAG.offer ? OFFER_LENGTH : 0);
}

/**
 * How many items a list has: want, drop, offer or ack in the `length` bytes of plaintext at `at`. Item i
 * begins at `at + LIST_HEADER_LENGTH + i * ITEM_LENGTH[kind]`.
 * @returns -1 when it is no such list, or ends before its last item
 */
export function listCount(bytes: Uint8Array, at: number, length: number): number {
  const itemLength = ITEM_LENGTH[bytes[at] as ListKind] as number | undefined;
  if (itemLength === undefined || length < LIST_HEADER_LENGTH || bytes[at + 1] !== 0) {
    return -1;
  }
  const count = readUint16(bytes, at + 2);
  return LIST_HEADER_LENGTH + count * itemLength <= length ? count : -1;
}
