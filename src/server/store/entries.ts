import { readPort, writePort } from '../../wire/byte-order.js';
import { ADDRESS_LENGTH, FAMILIES, type Family } from '../../wire/endpoint.js';
import { addressScope, type Scope } from '../../wire/endpoint-scope.js';
import { KEY_LENGTH } from '../../wire/key.js';
import { SEALED_CANDIDATES_LENGTH } from '../../wire/sealed-frames.js';
import { TAI64N_LENGTH } from '../../wire/tai64n.js';

/** The prefix of all keys and channels; the number is the version of their format. */
export const STORE_PREFIX = 'wgr1:';

/** The channel on which servers announce themselves. */
export const SERVERS_CHANNEL = `${STORE_PREFIX}servers`;

/** Random bytes that identify one run of a server; as text, a character for each. */
export const SERVER_ID_LENGTH = 8;

/** The most bytes of a news message; longer ones are ignored. */
export const MAX_NEWS_LENGTH = 16_384;

const FLAG = { ipv4: 1, ipv6: 2, hasList: 4 } as const;
const FLAGS_AT = TAI64N_LENGTH + SERVER_ID_LENGTH;
const PLACES_AT = FLAGS_AT + 1;
const PORT_LENGTH = 2;

/** The most bytes of a registration. */
export const MAX_REGISTRATION_LENGTH =
  PLACES_AT + ADDRESS_LENGTH[4] + ADDRESS_LENGTH[6] + 2 * PORT_LENGTH;

/** An endpoint of a client, as a server observed it. */
export interface Place {
  readonly family: Family;
  /** The address in network order comes first. */
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly scope: Scope;
}

export type Places = Readonly<Record<Family, Place | undefined>>;

/** What a server tells others about a client of its own. */
export interface Registration {
  /** Of the initiation of the client's present session, TAI64N: of two registrations the later one counts. */
  readonly timestamp: Uint8Array;
  /** The server, as text; see SERVER_ID_LENGTH. */
  readonly server: string;
  /** Whether the client's want list is complete: peers that are not in it are not wanted. */
  readonly hasList: boolean;
  readonly places: Places;
}

/** The key of a client's entry. @param key see keyText */
export function clientEntry(key: string): string {
  return `${STORE_PREFIX}c:${Buffer.from(key, 'latin1').toString('base64')}`;
}

/** The channel of the news for a server. */
export function serverChannel(server: string): string {
  return `${STORE_PREFIX}s:${Buffer.from(server, 'latin1').toString('hex')}`;
}

/** timestamp[12] server[8] flags[1], then for each family of the flags address[4 or 16] port[2]. */
export function encodeRegistration({ timestamp, server, hasList, places }: Registration): Buffer {
  const bytes = Buffer.alloc(MAX_REGISTRATION_LENGTH);
  bytes.set(timestamp);
  bytes.write(server, TAI64N_LENGTH, 'latin1');
  let flags = hasList ? FLAG.hasList : 0;
  let at = PLACES_AT;
  for (const family of FAMILIES) {
    const place = places[family];
    if (place !== undefined) {
      const length = ADDRESS_LENGTH[family];
      flags |= family === 4 ? FLAG.ipv4 : FLAG.ipv6;
      bytes.set(place.bytes.subarray(0, length), at);
      writePort(bytes, at + length, place.port);
      at += length + PORT_LENGTH;
    }
  }
  bytes[FLAGS_AT] = flags;
  return bytes.subarray(0, at);
}

/** Decodes all of the bytes into a copy; undefined if they are not a registration. */
export function decodeRegistration(bytes: Uint8Array): Registration | undefined {
  const flags = bytes[FLAGS_AT];
  const isKnown = flags !== undefined && (flags & ~(FLAG.ipv4 | FLAG.ipv6 | FLAG.hasList)) === 0;
  if (!isKnown || bytes.length !== registrationLength(flags)) {
    return undefined;
  }
  const ipv4 = (flags & FLAG.ipv4) === 0 ? undefined : placeAt(bytes, PLACES_AT, 4);
  const ipv6At = PLACES_AT + (ipv4 === undefined ? 0 : ADDRESS_LENGTH[4] + PORT_LENGTH);
  const ipv6 = (flags & FLAG.ipv6) === 0 ? undefined : placeAt(bytes, ipv6At, 6);
  if ((ipv4 ?? ipv6) === undefined || ipv4?.port === 0 || ipv6?.port === 0) {
    return undefined;
  }
  return {
    timestamp: Uint8Array.prototype.slice.call(bytes, 0, TAI64N_LENGTH),
    server: latin1(bytes, TAI64N_LENGTH, SERVER_ID_LENGTH),
    hasList: (flags & FLAG.hasList) !== 0,
    places: { 4: ipv4, 6: ipv6 },
  };
}

function registrationLength(flags: number): number {
  const ipv4 = (flags & FLAG.ipv4) === 0 ? 0 : ADDRESS_LENGTH[4] + PORT_LENGTH;
  const ipv6 = (flags & FLAG.ipv6) === 0 ? 0 : ADDRESS_LENGTH[6] + PORT_LENGTH;
  return PLACES_AT + ipv4 + ipv6;
}

function placeAt(bytes: Uint8Array, at: number, family: Family): Place {
  const length = ADDRESS_LENGTH[family];
  const address = Uint8Array.prototype.slice.call(bytes, at, at + length);
  return {
    family,
    bytes: address,
    port: readPort(bytes, at + length),
    scope: addressScope(address, 0, family),
  };
}

/** News about a pair: what the server of `from`, who wants `to`, tells the server of `to`. */
export type News =
  | {
      readonly kind: 'here';
      readonly from: string;
      readonly to: string;
      /** Whether an answer is wanted: news about `to`, or that it is gone. */
      readonly asks: boolean;
      readonly registration: Registration;
      readonly candidates: Uint8Array | undefined;
    }
  /** `from` has left, or does not want `to` any more. */
  | { readonly kind: 'gone'; readonly from: string; readonly to: string }
  /** `from` was registered at the receiving server, and has a newer registration at the sending one. */
  | { readonly kind: 'moved'; readonly from: string };

const KIND = { here: 1, gone: 2, moved: 3 } as const;
const HERE_FLAG = { asks: 1, candidates: 2 } as const;

/** kind[1] from[32], then for `gone` to[32], for `here` to[32] flags[1] registration candidates[0 or 248]. */
export function encodeNews(news: News): Buffer {
  const parts: Uint8Array[] = [Buffer.of(KIND[news.kind]), Buffer.from(news.from, 'latin1')];
  if (news.kind === 'here') {
    const { asks, candidates } = news;
    const flags = (asks ? HERE_FLAG.asks : 0) | (candidates ? HERE_FLAG.candidates : 0);
    parts.push(Buffer.from(news.to, 'latin1'), Buffer.of(flags));
    parts.push(encodeRegistration(news.registration), candidates ?? new Uint8Array(0));
  } else if (news.kind === 'gone') {
    parts.push(Buffer.from(news.to, 'latin1'));
  }
  return Buffer.concat(parts);
}

/** A message of news: the server that sends it, then the news. */
export function encodeMessage(server: string, news: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from(server, 'latin1'), ...news]);
}

/** Decodes a message, up to the first malformed item. */
export function decodeMessage(
  message: Uint8Array,
  onNews: (news: News, server: string) => void,
): boolean {
  if (message.length < SERVER_ID_LENGTH || message.length > MAX_NEWS_LENGTH) {
    return false;
  }
  const server = latin1(message, 0, SERVER_ID_LENGTH);
  let at = SERVER_ID_LENGTH;
  while (at < message.length) {
    const read = readNews(message, at);
    if (read === undefined) {
      return false;
    }
    at = read.end;
    onNews(read.news, server);
  }
  return true;
}

function readNews(message: Uint8Array, at: number): { news: News; end: number } | undefined {
  const fromEnd = at + 1 + KEY_LENGTH;
  if (fromEnd > message.length) {
    return undefined;
  }
  const from = latin1(message, at + 1, KEY_LENGTH);
  if (message[at] === KIND.moved) {
    return { news: { kind: 'moved', from }, end: fromEnd };
  }
  const toEnd = fromEnd + KEY_LENGTH;
  if (toEnd > message.length) {
    return undefined;
  }
  const to = latin1(message, fromEnd, KEY_LENGTH);
  if (message[at] === KIND.gone) {
    return { news: { kind: 'gone', from, to }, end: toEnd };
  }
  const bodyAt = toEnd + 1;
  const flags = message[toEnd];
  if (flags === undefined) {
    return undefined;
  }
  if (message[at] !== KIND.here || flags > (HERE_FLAG.asks | HERE_FLAG.candidates)) {
    return undefined;
  }
  const candidatesAt = bodyAt + registrationLength(message[bodyAt + FLAGS_AT] ?? 0);
  const hasCandidates = (flags & HERE_FLAG.candidates) !== 0;
  const end = candidatesAt + (hasCandidates ? SEALED_CANDIDATES_LENGTH : 0);
  const registration = decodeRegistration(message.subarray(bodyAt, candidatesAt));
  if (registration === undefined || end > message.length) {
    return undefined;
  }
  const candidates = hasCandidates
    ? Uint8Array.from(message.subarray(candidatesAt, end))
    : undefined;
  const asks = (flags & HERE_FLAG.asks) !== 0;
  return { news: { kind: 'here', from, to, asks, registration, candidates }, end };
}

function latin1(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
}
