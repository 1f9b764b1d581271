/**
 * Openers: small datagrams that two clients exchange from WireGuard's own ports before either WireGuard sends
 * (docs/protocol.md, "Openers"). An opener opens the sender's NAT towards the receiver; one that arrives
 * shows that both NATs are open. WireGuard drops it as foreign: its first little-endian word is not 1..4.
 *
 *      0              4        5      6          8         10        12       20
 *      | 77 67 72 06  | intent | seen | stamp[2] | echo[2] | held[2] | tag[8] |
 */

/** Bytes of an opener. */
export const OPENER_LENGTH = 20;

/** Bytes of the tag by which the receiver knows the sender. */
export const OPENER_TAG_LENGTH = 8;

/** The first four bytes of an opener, in network order. */
export const OPENER_FIRST_WORD = 0x77677206;

/** Stamps count milliseconds modulo this. */
export const STAMP_MODULUS = 0x1_0000;

/**
 * Which side starts WireGuard's handshake, as the sender sees it. `waiting`: not the sender, for a round trip
 * at least. `leading`: the sender, once it has received an opener. `committed`: the sender has started it, or
 * starts it shortly in any case.
 */
export type Intent = 'waiting' | 'leading' | 'committed';

const INTENTS: readonly Intent[] = ['waiting', 'leading', 'committed'];

/** The content of an opener without its tag. Stamps are milliseconds of the sender's clock, modulo 2^16. */
export interface OpenerContent {
  readonly intent: Intent;
  /** When it was sent. */
  readonly stamp: number;
  /** The last opener received from the other side; undefined when there was none. */
  readonly echo?: {
    readonly stamp: number /** Milliseconds since its arrival. */;
    readonly held: number;
  };
}

export interface Opener extends OpenerContent {
  /** OPENER_TAG_LENGTH bytes. */
  readonly tag: Uint8Array;
}

const AT = { intent: 4, seen: 5, stamp: 6, echo: 8, held: 10, tag: 12 } as const;

/** Encodes an opener. Throws a RangeError when the tag has another length. */
export function encodeOpener({ intent, stamp, echo, tag }: Opener): Uint8Array {
  if (tag.length !== OPENER_TAG_LENGTH) {
    throw new RangeError(`a tag has ${OPENER_TAG_LENGTH} bytes, got ${tag.length}`);
  }
  const bytes = new Uint8Array(OPENER_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, OPENER_FIRST_WORD);
  bytes[AT.intent] = INTENTS.indexOf(intent);
  bytes[AT.seen] = echo === undefined ? 0 : 1;
  view.setUint16(AT.stamp, stamp, true);
  view.setUint16(AT.echo, echo?.stamp ?? 0, true);
  view.setUint16(AT.held, echo?.held ?? 0, true);
  bytes.set(tag, AT.tag);
  return bytes;
}

/** Decodes an opener; undefined when the bytes are none. */
export function decodeOpener(bytes: Uint8Array): Opener | undefined {
  if (bytes.length !== OPENER_LENGTH) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const intent = INTENTS[bytes[AT.intent]!];
  const seen = bytes[AT.seen]!;
  if (view.getUint32(0) !== OPENER_FIRST_WORD || intent === undefined || seen > 1) {
    return undefined;
  }
  const echo = { stamp: view.getUint16(AT.echo, true), held: view.getUint16(AT.held, true) };
  const opener = { intent, stamp: view.getUint16(AT.stamp, true), tag: bytes.slice(AT.tag) };
  return seen === 1 ? { ...opener, echo } : opener;
}
