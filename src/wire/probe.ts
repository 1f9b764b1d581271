import { readPort, readUint64, writePort, writeUint64 } from './byte-order.js';
import {
  ADDRESS_LENGTH,
  addressBytes,
  type Endpoint,
  endpoint,
  formatAddress,
} from './endpoint.js';
import { decodeTai64n, encodeTai64n, TAI64N_LENGTH } from './tai64n.js';

/**
 * Probes: the connectivity checks (RFC 8445 section 7) that two clients send each other from WireGuard's own
 * ports (docs/protocol.md, "Probes"). A probe opens the sender's NAT towards the receiver; one that arrives
 * shows that both NATs are open; its response shows that the path works in both directions. WireGuard drops
 * probes as foreign: their first little-endian word is not 1..4.
 *
 *      0             4       5         6         7    8         16      28             36      38         54
 *      | 77 67 72 06 | kind  | intent  | family  | 0  | sender  | run   | transaction  | port  | address  | tag |
 */

/** Bytes of a probe, request or response: no response is larger than its request. */
export const PROBE_LENGTH = 70;

/** Bytes of the name by which the receiver knows the sender. */
export const SENDER_LENGTH = 8;

/** Bytes of the message authentication code at the end. */
export const PROBE_TAG_LENGTH = 16;

/** The first four bytes of a probe, in network order. */
export const PROBE_FIRST_WORD = 0x77677206;

/**
 * Which side starts WireGuard's handshake, as the sender sees it. `waiting`: not the sender, for a round trip
 * at least. `leading`: the sender, once it has received a probe. `committed`: the sender has started it, or
 * starts it shortly in any case.
 */
export type Intent = 'waiting' | 'leading' | 'committed';

const INTENTS: readonly Intent[] = ['waiting', 'leading', 'committed'];

/** A probe without its tag. */
export interface Probe {
  /** Names sender and receiver to the receiver: SENDER_LENGTH bytes. */
  readonly sender: Uint8Array;
  readonly intent: Intent;
  /** When the sender's run began, in milliseconds since 1970 UTC: probes of an earlier run are replays. */
  readonly run: number;
  /** Counts the requests of a run; a response has that of its request. */
  readonly transaction: number;
  /** In a response: the source of the request, as the sender saw it. */
  readonly observed?: Endpoint;
}

const AT = {
  kind: 4,
  intent: 5,
  family: 6,
  zero: 7,
  sender: 8,
  run: 16,
  transaction: 28,
  port: 36,
  address: 38,
  tag: 54,
} as const;

const KIND = { request: 0, response: 1 } as const;

/** Encodes a probe with a zero tag. Throws a RangeError when the sender's name has another length. */
export function encodeProbe({ sender, intent, run, transaction, observed }: Probe): Uint8Array {
  if (sender.length !== SENDER_LENGTH) {
    throw new RangeError(`a sender has ${SENDER_LENGTH} bytes, got ${sender.length}`);
  }
  const bytes = new Uint8Array(PROBE_LENGTH);
  new DataView(bytes.buffer).setUint32(0, PROBE_FIRST_WORD);
  bytes[AT.kind] = observed === undefined ? KIND.request : KIND.response;
  bytes[AT.intent] = INTENTS.indexOf(intent);
  bytes.set(sender, AT.sender);
  bytes.set(encodeTai64n(run), AT.run);
  writeUint64(bytes, AT.transaction, transaction);
  if (observed !== undefined) {
    bytes[AT.family] = observed.family;
    writePort(bytes, AT.port, observed.port);
    bytes.set(addressBytes(observed.address), AT.address);
    mask(bytes);
  }
  return bytes;
}

/** Decodes a probe, whose tag is not checked; undefined when the bytes are none. */
export function decodeProbe(bytes: Uint8Array): Probe | undefined {
  if (bytes.length !== PROBE_LENGTH) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = bytes[AT.kind];
  const intent = INTENTS[bytes[AT.intent]!];
  if (view.getUint32(0) !== PROBE_FIRST_WORD || intent === undefined || bytes[AT.zero] !== 0) {
    return undefined;
  }
  const probe = {
    sender: bytes.slice(AT.sender, AT.sender + SENDER_LENGTH),
    intent,
    run: decodeTai64n(bytes.slice(AT.run, AT.run + TAI64N_LENGTH)),
    transaction: readUint64(bytes, AT.transaction),
  };
  const family = bytes[AT.family];
  if (kind === KIND.request) {
    return family === 0 ? probe : undefined;
  }
  if (kind !== KIND.response || (family !== 4 && family !== 6)) {
    return undefined;
  }
  const plain = bytes.slice();
  mask(plain);
  const address = plain.subarray(AT.address, AT.address + ADDRESS_LENGTH[family]);
  return { ...probe, observed: endpoint(formatAddress(address), readPort(plain, AT.port)) };
}

/** The bytes that the tag authenticates, and the tag: views of an encoded probe. */
export function probeParts(bytes: Uint8Array): { content: Uint8Array; tag: Uint8Array } {
  return { content: bytes.subarray(0, AT.tag), tag: bytes.subarray(AT.tag) };
}

/**
 * Masks or unmasks port and address with the 18 bytes before the port: some NATs rewrite addresses that they
 * find in a payload (RFC 8489 section 14.2 masks them for the same reason).
 */
function mask(bytes: Uint8Array): void {
  const length = AT.tag - AT.port;
  for (let i = 0; i < length; i++) {
    bytes[AT.port + i]! ^= bytes[AT.port - length + i]!;
  }
}
