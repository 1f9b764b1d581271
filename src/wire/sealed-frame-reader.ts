import { readPort, readUint16, readUint32, readUint64 } from './byte-order.js';
import {
  ADDRESS_LENGTH,
  decodeEndpoint,
  type Endpoint,
  endpoint,
  formatAddress,
  isUsable,
} from './endpoint.js';
import { KEY_LENGTH, type PublicKey, publicKey } from './key.js';
import type { RelayCredentials } from './relay.js';
import {
  ENTRY_FLAG,
  ENTRY_HEADER_LENGTH,
  entryLength,
  FRAME,
  ITEM_LENGTH,
  type ListKind,
  listCount,
  listHeaderLength,
  OBSERVE_LENGTH,
  OBSERVED_OFFSET,
  PEERS_COUNTER_OFFSET,
  PEERS_HEADER_LENGTH,
  RELAY_PART_LENGTH,
  type RelayRefusal,
  SEALED_CANDIDATES_LENGTH,
  TOKEN_LENGTH,
  WANT_OFFSET,
} from './sealed-frames.js';

const PONG_ADDRESS_AT = 4;

/** What a server discloses about one peer: usable endpoints and candidates, or nothing. */
export interface PeerEntry {
  readonly key: PublicKey;
  readonly ipv4?: Endpoint | undefined;
  readonly ipv6?: Endpoint | undefined;
  /** Local candidates, 248 bytes, sealed by that peer. */
  readonly candidates?: Uint8Array | undefined;
  /** The server had no room for the peer on the client's want list. */
  readonly notKept: boolean;
  /** Where the server relays between the client and the peer. */
  readonly relay?: RelayOffer;
  /** Why the server does not relay, although the client asked for it. */
  readonly relayRefusal?: RelayRefusal;
}

/** A port of the server that relays between the client and a peer, and what the client binds with there. */
export interface RelayOffer extends RelayCredentials {
  readonly port: number;
}

/** The answer to the client's message with that counter: where it came from. */
export interface ObservedFrame {
  readonly kind: typeof FRAME.observed;
  readonly counter: number;
  readonly endpoint: Endpoint;
  /** The server's other port, where the same can be asked; 0 for none. */
  readonly otherPort: number;
}

/** A frame; it shares no memory with the plaintext. */
export type SealedFrame =
  | {
      readonly kind: typeof FRAME.want;
      /** Of the want list; part `part` of `parts`, from 0 on. */
      readonly version: number;
      readonly part: number;
      readonly parts: number;
      readonly keys: readonly PublicKey[];
    }
  | {
      readonly kind: typeof FRAME.candidates;
      readonly items: readonly { readonly key: PublicKey; readonly sealed: Uint8Array }[];
    }
  | {
      readonly kind: typeof FRAME.ack | typeof FRAME.serverAck;
      readonly counters: readonly number[];
    }
  | {
      readonly kind: typeof FRAME.relay;
      /** All peers for which the client asks for a relay. */
      readonly keys: readonly PublicKey[];
    }
  | { readonly kind: typeof FRAME.ping | typeof FRAME.bye | typeof FRAME.observe }
  | {
      readonly kind: typeof FRAME.pathResponse | typeof FRAME.pathChallenge;
      readonly token: Uint8Array;
    }
  | { readonly kind: typeof FRAME.pong; readonly endpoint: Endpoint }
  | ObservedFrame
  | {
      readonly kind: typeof FRAME.peers;
      /** The client has to acknowledge it. */
      readonly push: boolean;
      /** The counter of the want that it answers, or INITIATION_COUNTER; 0 in a push. */
      readonly counter: number;
      readonly entries: readonly PeerEntry[];
    };

/** Decodes a plaintext, padded or not; undefined if malformed. */
export function decodeSealedFrame(plaintext: Uint8Array): SealedFrame | undefined {
  const kind = plaintext[0];
  switch (kind) {
    case FRAME.want:
    case FRAME.candidates:
    case FRAME.ack:
    case FRAME.serverAck:
    case FRAME.relay:
      return decodeList(plaintext, kind);
    case FRAME.ping:
    case FRAME.bye:
      return { kind };
    case FRAME.observe:
      return plaintext.length >= OBSERVE_LENGTH ? { kind } : undefined;
    case FRAME.pathResponse:
    case FRAME.pathChallenge: {
      const token = plaintext.slice(1, 1 + TOKEN_LENGTH);
      return token.length === TOKEN_LENGTH ? { kind, token } : undefined;
    }
    case FRAME.pong:
      return decodePong(plaintext);
    case FRAME.observed:
      return decodeObserved(plaintext);
    case FRAME.peers:
      return decodePeers(plaintext);
    default:
      return undefined;
  }
}

function decodeList(plaintext: Uint8Array, kind: ListKind): SealedFrame | undefined {
  const count = listCount(plaintext, 0, plaintext.length);
  if (count < 0) {
    return undefined;
  }
  const itemLength = ITEM_LENGTH[kind];
  const items = Array.from({ length: count }, (_, i) => {
    const at = listHeaderLength(kind) + i * itemLength;
    return plaintext.slice(at, at + itemLength);
  });
  switch (kind) {
    case FRAME.want:
      return {
        kind,
        version: readUint32(plaintext, WANT_OFFSET.version),
        part: readUint16(plaintext, WANT_OFFSET.part),
        parts: readUint16(plaintext, WANT_OFFSET.parts),
        keys: items.map(publicKey),
      };
    case FRAME.candidates:
      return { kind, items: items.map(decodeCandidatesItem) };
    case FRAME.relay:
      return { kind, keys: items.map(publicKey) };
    default:
      return { kind, counters: items.map((item) => readUint64(item, 0)) };
  }
}

function decodeCandidatesItem(item: Uint8Array): { key: PublicKey; sealed: Uint8Array } {
  return { key: publicKey(item.slice(0, KEY_LENGTH)), sealed: item.slice(KEY_LENGTH) };
}

function decodePong(plaintext: Uint8Array): SealedFrame | undefined {
  const endpoint = decodeSource(plaintext, PONG_ADDRESS_AT);
  return endpoint && { kind: FRAME.pong, endpoint };
}

function decodeObserved(plaintext: Uint8Array): ObservedFrame | undefined {
  const endpoint = decodeSource(plaintext, OBSERVED_OFFSET.address);
  return (
    endpoint && {
      kind: FRAME.observed,
      counter: readUint64(plaintext, OBSERVED_OFFSET.counter),
      endpoint,
      otherPort: readPort(plaintext, OBSERVED_OFFSET.otherPort),
    }
  );
}

/** `kind[1] family[1] port[2] ...`, with the address at addressAt. */
function decodeSource(plaintext: Uint8Array, addressAt: number): Endpoint | undefined {
  const family = plaintext[1];
  if (family !== 4 && family !== 6) {
    return undefined;
  }
  const address = plaintext.subarray(addressAt, addressAt + ADDRESS_LENGTH[family]);
  return address.length < ADDRESS_LENGTH[family]
    ? undefined
    : endpoint(formatAddress(address), readPort(plaintext, 2));
}

function decodePeers(plaintext: Uint8Array): SealedFrame | undefined {
  const push = plaintext[1];
  if (plaintext.length < PEERS_HEADER_LENGTH || (push !== 0 && push !== 1)) {
    return undefined;
  }
  const entries: PeerEntry[] = [];
  let at = PEERS_HEADER_LENGTH;
  for (let left = readUint16(plaintext, 2); left > 0; left--) {
    const length = entryLength(plaintext[at + KEY_LENGTH]);
    if (length === undefined || at + length > plaintext.length) {
      return undefined;
    }
    entries.push(decodeEntry(plaintext.slice(at, at + length)));
    at += length;
  }
  const counter = readUint64(plaintext, PEERS_COUNTER_OFFSET);
  return { kind: FRAME.peers, push: push === 1, counter, entries };
}

function decodeEntry(entry: Uint8Array): PeerEntry {
  const flags = entry[KEY_LENGTH]!;
  let at = ENTRY_HEADER_LENGTH;
  const take = (flag: number, length: number): Uint8Array | undefined => {
    if ((flags & flag) === 0) {
      return undefined;
    }
    at += length;
    return entry.slice(at - length, at);
  };
  const ipv4 = take(ENTRY_FLAG.ipv4, 6);
  const ipv6 = take(ENTRY_FLAG.ipv6, 18);
  const candidates = take(ENTRY_FLAG.candidates, SEALED_CANDIDATES_LENGTH);
  const relay = take(ENTRY_FLAG.relayed, RELAY_PART_LENGTH);
  const reason = take(ENTRY_FLAG.notRelayed, 1)?.[0];
  return {
    key: publicKey(entry.slice(0, KEY_LENGTH)),
    ipv4: usableEndpoint(ipv4),
    ipv6: usableEndpoint(ipv6),
    candidates,
    notKept: (flags & ENTRY_FLAG.notKept) !== 0,
    ...(relay && { relay: decodeOffer(relay) }),
    ...(reason !== undefined && { relayRefusal: reason as RelayRefusal }),
  };
}

function decodeOffer(part: Uint8Array): RelayOffer {
  return { port: readPort(part, 0), id: readUint32(part, 2), key: part.slice(6) };
}

function usableEndpoint(bytes: Uint8Array | undefined): Endpoint | undefined {
  const decoded = bytes && decodeEndpoint(bytes);
  return decoded && isUsable(decoded) ? decoded : undefined;
}
