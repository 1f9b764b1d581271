import { readPort } from './byte-order.js';
import { ADDRESS_LENGTH, type Endpoint, endpoint, type Family, formatAddress } from './endpoint.js';
import {
  eachAttribute,
  FIRST_OPTIONAL,
  hasCookie,
  hasHeader,
  isFingerprint,
  STUN_ATTRIBUTE,
  STUN_HEADER_LENGTH,
  STUN_TYPE,
  TRANSACTION_AT,
  TRANSACTION_LENGTH,
  xorAddress,
} from './stun.js';

/** The longest response that a client reads: all attributes that a server may add, with a long SOFTWARE. */
const MAX_RESPONSE_LENGTH = 548;

/** Lengths that a response can have, in bytes: a multiple of four. */
export const STUN_RESPONSE_LENGTHS: readonly number[] = Array.from(
  { length: (MAX_RESPONSE_LENGTH - STUN_HEADER_LENGTH) / 4 + 1 },
  (_, i) => STUN_HEADER_LENGTH + 4 * i,
);

/** A Binding response, as a client sees it. */
export interface StunResponse {
  readonly transaction: Uint8Array;
  /** Where the server saw the request come from; undefined in an error response. */
  readonly mapped?: Endpoint | undefined;
  /** The code of an error response, 300..699. */
  readonly errorCode?: number | undefined;
  /** RFC 5780: where the response was sent from, and the server's other address and port. */
  readonly origin: Endpoint | undefined;
  readonly other: Endpoint | undefined;
}

/**
 * Reads a Binding response of RFC 8489; undefined if the bytes are none, if a success response has no usable
 * address, if its FINGERPRINT is wrong, or an attribute that must be understood is not (section 6.3.3).
 */
export function decodeStunResponse(bytes: Uint8Array): StunResponse | undefined {
  const isError = hasHeader(bytes, 0, bytes.length, STUN_TYPE.error);
  if (!(isError || hasHeader(bytes, 0, bytes.length, STUN_TYPE.success)) || !hasCookie(bytes, 0)) {
    return undefined;
  }
  let xorMapped: Endpoint | undefined;
  let plain: Endpoint | undefined;
  let origin: Endpoint | undefined;
  let other: Endpoint | undefined;
  let errorCode: number | undefined;
  // Of attributes of one type the first counts (RFC 8489 section 14).
  const isWellFormed = eachAttribute(bytes, 0, bytes.length, (type, at, length) => {
    const value = bytes.slice(at, at + length);
    switch (type) {
      case STUN_ATTRIBUTE.xorMappedAddress:
        xorMapped ??= readXorAddress(value, bytes);
        return xorMapped !== undefined;
      case STUN_ATTRIBUTE.mappedAddress:
        plain ??= readAddress(value);
        return plain !== undefined;
      case STUN_ATTRIBUTE.responseOrigin:
        origin ??= readAddress(value);
        return origin !== undefined;
      case STUN_ATTRIBUTE.otherAddress:
        other ??= readAddress(value);
        return other !== undefined;
      case STUN_ATTRIBUTE.errorCode:
        errorCode ??= readErrorCode(value);
        return errorCode !== undefined;
      case STUN_ATTRIBUTE.fingerprint:
        return length === 4 && isFingerprint(bytes, 0, at);
      default:
        // In an error response the code is what counts.
        return isError || type >= FIRST_OPTIONAL || HARMLESS.has(type);
    }
  });
  const mapped = xorMapped ?? plain;
  if (!isWellFormed || (isError ? errorCode : mapped) === undefined) {
    return undefined;
  }
  return {
    transaction: bytes.slice(TRANSACTION_AT, TRANSACTION_AT + TRANSACTION_LENGTH),
    ...(isError ? { errorCode } : { mapped }),
    origin,
    other,
  };
}

/** RFC 3489's SOURCE-ADDRESS and CHANGED-ADDRESS, and MESSAGE-INTEGRITY, which some servers add. */
const HARMLESS: ReadonlySet<number> = new Set([
  STUN_ATTRIBUTE.sourceAddress,
  STUN_ATTRIBUTE.changedAddress,
  0x0008,
  0x001c,
]);

function readXorAddress(value: Uint8Array, message: Uint8Array): Endpoint | undefined {
  const family = familyOf(value);
  if (family !== undefined) {
    xorAddress(value, 0, family, message, 0);
  }
  return readAddress(value);
}

function readAddress(value: Uint8Array): Endpoint | undefined {
  return familyOf(value) && endpoint(formatAddress(value.subarray(4)), readPort(value, 2));
}

/** The family of an address attribute; undefined if it has another code or length. */
function familyOf(value: Uint8Array): Family | undefined {
  const family = value[1] === 1 ? 4 : value[1] === 2 ? 6 : undefined;
  return family !== undefined && value.length === 4 + ADDRESS_LENGTH[family] ? family : undefined;
}

function readErrorCode(value: Uint8Array): number | undefined {
  const code = value.length < 4 ? 0 : (value[2]! & 7) * 100 + value[3]!;
  return code >= 300 && code < 700 ? code : undefined;
}
