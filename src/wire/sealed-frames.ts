import { readUint16 } from './byte-order.js';
import { KEY_LENGTH } from './key.js';
import { RELAY_KEY_LENGTH } from './relay.js';
import { MAX_INITIATION_KEYS, MAX_PLAINTEXT_LENGTH } from './sealed.js';

/** The kinds of frames: a plaintext's first byte. */
export const FRAME = {
  want: 1,
  candidates: 2,
  ping: 3,
  pathResponse: 4,
  bye: 5,
  ack: 6,
  relay: 7,
  observe: 16,
  peers: 65,
  pong: 66,
  pathChallenge: 67,
  serverAck: 68,
  observed: 80,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** Bytes of sealed candidates: `nonce[24] ciphertext[208] tag[16]`. */
export const SEALED_CANDIDATES_LENGTH = 248;

/** Bytes of a path challenge's token. */
export const TOKEN_LENGTH = 8;

export const COUNTER_LENGTH = 8;

/** `kind[1] family[1] port[2] counter[8] other_port[2] address[4 or 16]`: where the fields of observed are. */
export const OBSERVED_OFFSET = {
  family: 1,
  port: 2,
  counter: 4,
  otherPort: 12,
  address: 14,
} as const;

/** Bytes of observe, nearly all zero: its message is as long as that of the longest answer. */
export const OBSERVE_LENGTH = OBSERVED_OFFSET.address + 16;

/** `kind[1] zero[1] count[2]`, before the items of candidates and ack. */
export const LIST_HEADER_LENGTH = 4;

/** `kind[1] zero[1] count[2] version[4] part[2] parts[2]`, before the keys of want. */
export const WANT_HEADER_LENGTH = 12;

/** Where the fields of want are. */
export const WANT_OFFSET = { version: 4, part: 8, parts: 10 } as const;

/** `kind[1] push[1] count[2] counter[8]`, before the entries of peers. */
export const PEERS_HEADER_LENGTH = 12;

/** Where the counter of the want is that peers answers; zero in a push. */
export const PEERS_COUNTER_OFFSET = 4;

/** Stands for the counter of a want that came in an initiation: no message has it. */
export const INITIATION_COUNTER = 2 ** 32;

/** Bytes of an entry before the parts that its flags announce: `key[32] flags[1]`. */
export const ENTRY_HEADER_LENGTH = KEY_LENGTH + 1;

/** The parts of an entry of `peers`, in this order. */
export const ENTRY_FLAG = {
  ipv4: 1,
  ipv6: 2,
  candidates: 4,
  notKept: 8,
  relayed: 16,
  notRelayed: 32,
} as const;

const ALL_FLAGS = 63;

/** Bytes of the relay part of an entry: `port[2] id[4] key[16]`. */
export const RELAY_PART_LENGTH = 2 + 4 + RELAY_KEY_LENGTH;

/** Why the server does not relay between a client and a peer. */
export const RELAY_REFUSAL = { noRelay: 1, notAllowed: 2, full: 3 } as const;

export type RelayRefusal = (typeof RELAY_REFUSAL)[keyof typeof RELAY_REFUSAL];

/** Bytes of an item of each kind of list whose items have one length. */
export const ITEM_LENGTH = {
  [FRAME.want]: KEY_LENGTH,
  [FRAME.candidates]: KEY_LENGTH + SEALED_CANDIDATES_LENGTH,
  [FRAME.ack]: COUNTER_LENGTH,
  [FRAME.serverAck]: COUNTER_LENGTH,
  [FRAME.relay]: KEY_LENGTH,
} as const;

export type ListKind = keyof typeof ITEM_LENGTH;

/** Bytes before the first item of each kind of list. */
export function listHeaderLength(kind: ListKind): number {
  return kind === FRAME.want ? WANT_HEADER_LENGTH : LIST_HEADER_LENGTH;
}

/** How many items of a list fit one datagram. */
export function maxItems(kind: ListKind): number {
  return Math.floor((MAX_PLAINTEXT_LENGTH - listHeaderLength(kind)) / ITEM_LENGTH[kind]);
}

/** Keys in one part of a want list, at most; in the first, which may be in an initiation. */
export const KEYS_PER_PART = maxItems(FRAME.want);
export const KEYS_IN_FIRST_PART = MAX_INITIATION_KEYS;

/** Peers for which a client may ask for a relay. */
export const MAX_RELAYED = maxItems(FRAME.relay);

/** Parts of a want list of so many keys; an empty list has one part. */
export function wantParts(keys: number): number {
  return 1 + Math.max(0, Math.ceil((keys - KEYS_IN_FIRST_PART) / KEYS_PER_PART));
}

/** The keys of each part of a want list, in order. */
export function splitWantList<Key>(keys: readonly Key[]): Key[][] {
  return Array.from({ length: wantParts(keys.length) }, (_, part) => {
    const end = KEYS_IN_FIRST_PART + part * KEYS_PER_PART;
    return keys.slice(part === 0 ? 0 : end - KEYS_PER_PART, end);
  });
}

/** Bytes of an entry with these flags; undefined for unknown flags. */
export function entryLength(flags: number | undefined): number | undefined {
  if (flags === undefined || flags > ALL_FLAGS) {
    return undefined;
  }
  const ipv4 = flags & ENTRY_FLAG.ipv4 ? 6 : 0;
  const ipv6 = flags & ENTRY_FLAG.ipv6 ? 18 : 0;
  return (
    ENTRY_HEADER_LENGTH +
    ipv4 +
    ipv6 +
    (flags & ENTRY_FLAG.candidates ? SEALED_CANDIDATES_LENGTH : 0) +
    (flags & ENTRY_FLAG.relayed ? RELAY_PART_LENGTH : 0) +
    (flags & ENTRY_FLAG.notRelayed ? 1 : 0)
  );
}

/**
 * The number of items of a list: want, candidates, relay or ack in the `length` bytes of plaintext at `at`. Item i
 * begins at `at + listHeaderLength(kind) + i * ITEM_LENGTH[kind]`.
 * @returns -1 if malformed
 */
export function listCount(bytes: Uint8Array, at: number, length: number): number {
  const kind = bytes[at] as ListKind;
  const itemLength = ITEM_LENGTH[kind] as number | undefined;
  const headerLength = listHeaderLength(kind);
  if (itemLength === undefined || length < headerLength || bytes[at + 1] !== 0) {
    return -1;
  }
  const count = readUint16(bytes, at + 2);
  return headerLength + count * itemLength <= length ? count : -1;
}
