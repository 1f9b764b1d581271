import { readPort, writePort } from './byte-order.js';
import { crc32 } from './crc32.js';
import { ADDRESS_LENGTH, type Family } from './endpoint.js';

/**
 * STUN Binding (RFC 8489), with what a client needs to discover the behaviour of its NATs (RFC 5780), and as
 * RFC 3489 had it, whose clients have no magic cookie. Messages are written and read in place: `at` is where
 * one begins in the caller's buffer.
 *
 *      0       2         4           8                 20
 *      | type  | length  | 2112A442  | transaction[12] | attributes...
 *
 * WireGuard never takes one for its own. It reads the first four bytes as a little-endian word, and its types
 * are 1 to 4; the second byte of a Binding message is 01 or 11, which makes that word greater than 255.
 */

/** The port of STUN servers. */
export const STUN_PORT = 3478;

export const STUN_HEADER_LENGTH = 20;

/** Bytes of the transaction id of RFC 8489, behind the magic cookie. */
export const TRANSACTION_LENGTH = 12;

/** The message types of the Binding method. */
export const STUN_TYPE = { request: 0x0001, indication: 0x0011, success: 0x0101, error: 0x0111 };

/** Attributes that are read or written here. Those below 0x8000 have to be understood by the receiver. */
export const STUN_ATTRIBUTE = {
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  /** RFC 3489's names of what RFC 5780 calls RESPONSE-ORIGIN and OTHER-ADDRESS. */
  sourceAddress: 0x0004,
  changedAddress: 0x0005,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  padding: 0x0026,
  responsePort: 0x0027,
  fingerprint: 0x8028,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
} as const;

/** Bytes of an encoded address attribute, by family. */
export const ADDRESS_ATTRIBUTE_LENGTH = { 4: 12, 6: 24 } as const;

/** "The request has an attribute that must be understood, and is not." */
export const UNKNOWN_ATTRIBUTE = 420;

const COOKIE = [0x21, 0x12, 0xa4, 0x42] as const;
const COOKIE_AT = 4;
/** Where the transaction id is. */
export const TRANSACTION_AT = 8;
const ATTRIBUTE_HEADER_LENGTH = 4;
const FINGERPRINT_LENGTH = 8;
const FINGERPRINT_MASK = 0x5354554e;
const FAMILY_CODE = { 4: 1, 6: 2 } as const;
const CHANGE_ADDRESS = 4;
const CHANGE_PORT = 2;
/** Attributes from here on may be ignored by those who do not know them. */
export const FIRST_OPTIONAL = 0x8000;

/**
 * What a server without passwords understands, apart from CHANGE-REQUEST: the attributes of authentication
 * (USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM, USERHASH), which
 * it does not ask for and so ignores (RFC 8489 section 9).
 */
const IGNORED: ReadonlySet<number> = new Set([0x06, 0x08, 0x14, 0x15, 0x1c, 0x1d, 0x1e]);

/** A Binding request, as a server sees it. */
export interface StunRequest {
  /** From a client of RFC 3489: without the magic cookie. */
  readonly isClassic: boolean;
  /** Where CHANGE-REQUEST is present, from where the answer is to come. */
  readonly change: { readonly address: boolean; readonly port: boolean } | undefined;
  /** Where RESPONSE-PORT is present, the port of its source to answer to: 1..65535. */
  readonly responsePort: number | undefined;
  /** Has a FINGERPRINT, which is right; so the response gets one as well. */
  readonly hasFingerprint: boolean;
  /** The types of attributes that have to be understood, and are not: each once. */
  readonly unknown: readonly number[];
}

/** An address attribute's content: the address in network order at `at` of `bytes`. */
export interface StunAddress {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly family: Family;
  readonly port: number;
}

/**
 * Whether `length` bytes have the header of a Binding request: type, a length that fits, and the magic
 * cookie; `isClassicToo` also takes one without the cookie.
 */
export function isStunRequest(
  bytes: Uint8Array,
  at: number,
  length: number,
  isClassicToo: boolean,
): boolean {
  return hasHeader(bytes, at, length, STUN_TYPE.request) && (isClassicToo || hasCookie(bytes, at));
}

/**
 * Reads a Binding request whose header isStunRequest() has accepted. Undefined if malformed: attributes that
 * exceed it, a CHANGE-REQUEST or RESPONSE-PORT of another size, port 0, a wrong FINGERPRINT or one that is not the last attribute.
 */
export function readStunRequest(
  bytes: Uint8Array,
  at: number,
  length: number,
): StunRequest | undefined {
  const unknown: number[] = [];
  let change: StunRequest['change'];
  let responsePort: number | undefined;
  let hasFingerprint = false;
  const isWellFormed = eachAttribute(bytes, at, length, (type, valueAt, valueLength) => {
    if (hasFingerprint) {
      return false;
    }
    if (type === STUN_ATTRIBUTE.changeRequest) {
      const flags = bytes[valueAt + 3]!;
      change = { address: (flags & CHANGE_ADDRESS) !== 0, port: (flags & CHANGE_PORT) !== 0 };
      return valueLength === 4;
    }
    if (type === STUN_ATTRIBUTE.responsePort) {
      responsePort = readPort(bytes, valueAt);
      return (valueLength === 2 || valueLength === 4) && responsePort !== 0;
    }
    if (type === STUN_ATTRIBUTE.fingerprint) {
      hasFingerprint = true;
      return valueLength === 4 && isFingerprint(bytes, at, valueAt);
    }
    if (type < FIRST_OPTIONAL && !IGNORED.has(type) && !unknown.includes(type)) {
      unknown.push(type);
    }
    return true;
  });
  const isClassic = !hasCookie(bytes, at);
  return isWellFormed ? { isClassic, change, responsePort, hasFingerprint, unknown } : undefined;
}

/** Writes a Binding request of STUN_HEADER_LENGTH bytes. */
export function encodeStunRequest(transaction: Uint8Array): Uint8Array {
  if (transaction.length !== TRANSACTION_LENGTH) {
    throw new RangeError(`a transaction id has 12 bytes, got ${transaction.length}`);
  }
  const bytes = new Uint8Array(STUN_HEADER_LENGTH);
  writePort(bytes, 0, STUN_TYPE.request);
  bytes.set(COOKIE, COOKIE_AT);
  bytes.set(transaction, TRANSACTION_AT);
  return bytes;
}

/** Writes a response over its request, whose cookie and transaction id stay as they are. */
export class StunResponseWriter {
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;

  /** Begins a response to the request at `at`. */
  begin(bytes: Uint8Array, at: number, type: number): this {
    this.bytes = bytes;
    this.at = at;
    this.end = at + STUN_HEADER_LENGTH;
    writePort(bytes, at, type);
    return this;
  }

  /** Adds an address as it is. */
  address(type: number, address: StunAddress): this {
    const length = ADDRESS_LENGTH[address.family];
    const at = this.attribute(type, 4 + length);
    this.bytes[at] = 0;
    this.bytes[at + 1] = FAMILY_CODE[address.family];
    writePort(this.bytes, at + 2, address.port);
    for (let i = 0; i < length; i++) {
      this.bytes[at + 4 + i] = address.bytes[address.at + i]!;
    }
    return this;
  }

  /** Adds XOR-MAPPED-ADDRESS: no translator on the way recognises an address that it could rewrite. */
  xorMappedAddress(address: StunAddress): this {
    const at = this.end + ATTRIBUTE_HEADER_LENGTH;
    this.address(STUN_ATTRIBUTE.xorMappedAddress, address);
    xorAddress(this.bytes, at, address.family, this.bytes, this.at);
    return this;
  }

  /** Adds ERROR-CODE 420 without a phrase, which would only make it longer, and UNKNOWN-ATTRIBUTES. */
  unknownAttributes(types: readonly number[]): this {
    const codeAt = this.attribute(STUN_ATTRIBUTE.errorCode, 4);
    writePort(this.bytes, codeAt, 0);
    this.bytes[codeAt + 2] = Math.floor(UNKNOWN_ATTRIBUTE / 100);
    this.bytes[codeAt + 3] = UNKNOWN_ATTRIBUTE % 100;
    const listAt = this.attribute(STUN_ATTRIBUTE.unknownAttributes, 2 * types.length);
    types.forEach((type, i) => {
      writePort(this.bytes, listAt + 2 * i, type);
    });
    return this;
  }

  /** Ends the response, with a FINGERPRINT where one is wanted; returns its bytes. */
  finish(hasFingerprint: boolean): number {
    const { bytes, at } = this;
    const valueAt = hasFingerprint ? this.attribute(STUN_ATTRIBUTE.fingerprint, 4) : 0;
    const length = this.end - at;
    writePort(bytes, at + 2, length - STUN_HEADER_LENGTH);
    if (hasFingerprint) {
      const value = fingerprintOf(bytes, at, length - FINGERPRINT_LENGTH);
      writePort(bytes, valueAt, value >>> 16);
      writePort(bytes, valueAt + 2, value & 0xffff);
    }
    return length;
  }

  /** Appends an attribute's header, and zeros where its value and padding go; returns where the value is. */
  private attribute(type: number, length: number): number {
    const at = this.end;
    writePort(this.bytes, at, type);
    writePort(this.bytes, at + 2, length);
    this.end = at + ATTRIBUTE_HEADER_LENGTH + padded(length);
    this.bytes.fill(0, at + ATTRIBUTE_HEADER_LENGTH, this.end);
    return at + ATTRIBUTE_HEADER_LENGTH;
  }
}

/** Whether a FINGERPRINT value at `valueAt` is that of the message at `at`. */
export function isFingerprint(bytes: Uint8Array, at: number, valueAt: number): boolean {
  const length = valueAt - ATTRIBUTE_HEADER_LENGTH - at;
  const found = readPort(bytes, valueAt) * 0x10000 + readPort(bytes, valueAt + 2);
  return found === fingerprintOf(bytes, at, length);
}

/** The FINGERPRINT of the `length` bytes before it (RFC 8489 section 14.7). */
function fingerprintOf(bytes: Uint8Array, at: number, length: number): number {
  return (crc32(bytes, at, length) ^ FINGERPRINT_MASK) >>> 0;
}

/** XORs port and address of the attribute value at `at` with cookie and transaction id (section 14.2). */
export function xorAddress(
  value: Uint8Array,
  at: number,
  family: Family,
  message: Uint8Array,
  messageAt: number,
): void {
  for (let i = 0; i < 2; i++) {
    value[at + 2 + i] = value[at + 2 + i]! ^ COOKIE[i]!;
  }
  for (let i = 0; i < ADDRESS_LENGTH[family]; i++) {
    value[at + 4 + i] = value[at + 4 + i]! ^ message[messageAt + COOKIE_AT + i]!;
  }
}

/** Whether the message has this type, a length field that fits, and two leading zero bits. */
export function hasHeader(bytes: Uint8Array, at: number, length: number, type: number): boolean {
  return (
    length >= STUN_HEADER_LENGTH &&
    readPort(bytes, at) === type &&
    readPort(bytes, at + 2) === length - STUN_HEADER_LENGTH &&
    length % 4 === 0
  );
}

export function hasCookie(bytes: Uint8Array, at: number): boolean {
  return COOKIE.every((byte, i) => bytes[at + COOKIE_AT + i] === byte);
}

/**
 * Calls back with each attribute; false when one exceeds the message, or the callback returned false. Values
 * are padded to four bytes (RFC 8489 section 14).
 */
export function eachAttribute(
  bytes: Uint8Array,
  at: number,
  length: number,
  take: (type: number, valueAt: number, valueLength: number) => boolean,
): boolean {
  const end = at + length;
  let next = at + STUN_HEADER_LENGTH;
  while (next < end) {
    const valueAt = next + ATTRIBUTE_HEADER_LENGTH;
    const valueLength = valueAt <= end ? readPort(bytes, next + 2) : end;
    next = valueAt + padded(valueLength);
    if (next > end || !take(readPort(bytes, valueAt - 4), valueAt, valueLength)) {
      return false;
    }
  }
  return true;
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
