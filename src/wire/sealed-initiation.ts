import { copyBytes } from './byte-order.js';
import { MAC_LENGTH } from './sealed.js';
import { FRAME, ITEM_LENGTH, listCount, WANT_HEADER_LENGTH } from './sealed-frames.js';
import { TAI64N_LENGTH } from './tai64n.js';

const AT = { cookie: TAI64N_LENGTH, want: TAI64N_LENGTH + MAC_LENGTH } as const;

/** What a client without a session adds to its initiation, to be registered and answered at once. */
export interface EarlyWant {
  /** The server's cookie, 16 bytes, for the address that the initiation is sent from. */
  readonly cookie: Uint8Array;
  /** A want frame: the first part of the client's list, without padding. */
  readonly want: Uint8Array;
}

/** The payload of an initiation. */
export interface InitiationPayload {
  /** TAI64N, 12 bytes. */
  readonly timestamp: Uint8Array;
  readonly early: EarlyWant | undefined;
}

/** Encodes the payload of an initiation. */
export function encodeInitiationPayload({ timestamp, early }: InitiationPayload): Uint8Array {
  const bytes = new Uint8Array(early ? AT.want + early.want.length : TAI64N_LENGTH);
  bytes.set(timestamp);
  if (early !== undefined) {
    copyBytes(early.cookie, 0, bytes, AT.cookie, MAC_LENGTH);
    bytes.set(early.want, AT.want);
  }
  return bytes;
}

/** Decodes it; a want list that is malformed counts as none. Undefined when it has no timestamp. */
export function decodeInitiationPayload(bytes: Uint8Array): InitiationPayload | undefined {
  if (bytes.length < TAI64N_LENGTH) {
    return undefined;
  }
  const timestamp = bytes.slice(0, TAI64N_LENGTH);
  const want = bytes.slice(AT.want);
  const early = isWant(want) ? { cookie: bytes.slice(AT.cookie, AT.want), want } : undefined;
  return { timestamp, early };
}

function isWant(frame: Uint8Array): boolean {
  const count = frame[0] === FRAME.want ? listCount(frame, 0, frame.length) : -1;
  return count >= 0 && frame.length === WANT_HEADER_LENGTH + count * ITEM_LENGTH[FRAME.want];
}
