import { copyBytes, readUint64, writeUint32, writeUint64 } from './byte-order.js';
import { KEY_LENGTH } from './key.js';

/**
 * The sealed protocol's messages (docs/protocol.md), written and read in place: `at` is where a message
 * begins in the caller's buffer. What needs a key is in src/sealed.
 */

/** The last of a message's first four bytes. */
export const MESSAGE = { initiation: 1, response: 2, cookie: 3, data: 4, notice: 5 } as const;

export type MessageType = (typeof MESSAGE)[keyof typeof MESSAGE];

/** "wgr": the first little-endian word is none of WireGuard's message types, 1..4. */
const PREFIX = [0x77, 0x67, 0x72] as const;

/** Bytes of a message of each type; a data message's are isDataLength's, and see isInitiationLength. */
export const MESSAGE_LENGTH = { initiation: 148, response: 92, cookie: 40, notice: 24 } as const;

/** Offsets of the parts of each message. */
export const OFFSET = {
  initiation: { senderIndex: 4, noise: 8 },
  response: { receiverIndex: 4, senderIndex: 8, noise: 12 },
  cookie: { receiverIndex: 4, cookie: 8, tag: 24 },
  data: { receiverIndex: 4, counter: 8, ciphertext: 16 },
  notice: { reason: 4, echo: 8 },
} as const;

/** Bytes of the parts. */
export const NOISE_LENGTH = { response: 80 } as const;
export const MAC_LENGTH = 16;
export const TAG_LENGTH = 16;
export const ECHO_LENGTH = 16;
export const DATA_HEADER_LENGTH = 16;

/** Bytes of the largest message: it fits an IPv6 packet of the minimum MTU. */
export const MAX_MESSAGE_LENGTH = 1232;

/** Keys of a want list that fit an initiation. */
export const MAX_INITIATION_KEYS = 33;

/** What a want list adds to an initiation: a cookie, the header of a want frame, then its keys. */
const EARLY_WANT_LENGTH = MAC_LENGTH + 12;

/** Bytes of the smallest data message, which holds 16 bytes of plaintext. */
export const MIN_DATA_LENGTH = 48;

/** Bytes of plaintext in the largest data message. */
export const MAX_PLAINTEXT_LENGTH = MAX_MESSAGE_LENGTH - DATA_HEADER_LENGTH - TAG_LENGTH;

/** Messages that one side may seal in a session; after them both sides refuse the session. */
export const MAX_MESSAGES = 2 ** 25;

/** Messages after which the client begins a new handshake. */
export const REKEY_AFTER_MESSAGES = 2 ** 24;

/** Why a server sends a notice. */
export const NOTICE = { noSession: 1, wrongKey: 2 } as const;

export type NoticeReason = (typeof NOTICE)[keyof typeof NOTICE];

/** The length of a classic request, which no sealed message has. */
const CLASSIC_LENGTH = 64;

const BLOCK = 16;

const WORD_AT = 4;

/** Whether a data message may have this length. */
export function isDataLength(length: number): boolean {
  return (
    length >= MIN_DATA_LENGTH &&
    length <= MAX_MESSAGE_LENGTH &&
    length % BLOCK === 0 &&
    length !== CLASSIC_LENGTH
  );
}

/** Whether an initiation may have this length: without a want list, or with 0 to 33 keys of one. */
export function isInitiationLength(length: number): boolean {
  const keys = (length - MESSAGE_LENGTH.initiation - EARLY_WANT_LENGTH) / KEY_LENGTH;
  return (
    length === MESSAGE_LENGTH.initiation ||
    (Number.isInteger(keys) && keys >= 0 && keys <= MAX_INITIATION_KEYS)
  );
}

/** Where mac1 begins in an initiation of `length` bytes. */
export function mac1Offset(length: number): number {
  return length - 2 * MAC_LENGTH;
}

/** Where mac2 begins in an initiation of `length` bytes. */
export function mac2Offset(length: number): number {
  return length - MAC_LENGTH;
}

/** Bytes of an initiation with a Noise message of so many bytes. */
export function initiationLength(noiseLength: number): number {
  return OFFSET.initiation.noise + noiseLength + 2 * MAC_LENGTH;
}

/** Bytes that a plaintext of `length` (0..1200) bytes is padded to. */
export function paddedLength(length: number): number {
  const padded = Math.max(BLOCK, Math.ceil(length / BLOCK) * BLOCK);
  const message = DATA_HEADER_LENGTH + padded + TAG_LENGTH;
  return message === CLASSIC_LENGTH ? padded + BLOCK : padded;
}

/** The type of a message of `length` bytes; 0 if it is not one of the sealed protocol. */
export function messageType(bytes: Uint8Array, at: number, length: number): MessageType | 0 {
  if (length < MESSAGE_LENGTH.notice || !hasPrefix(bytes, at)) {
    return 0;
  }
  const type = bytes[at + 3]!;
  return hasLengthOf(type, length) ? (type as MessageType) : 0;
}

function hasPrefix(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === PREFIX[0] && bytes[at + 1] === PREFIX[1] && bytes[at + 2] === PREFIX[2];
}

function hasLengthOf(type: number, length: number): boolean {
  switch (type) {
    case MESSAGE.data:
      return isDataLength(length);
    case MESSAGE.initiation:
      return isInitiationLength(length);
    case MESSAGE.response:
      return length === MESSAGE_LENGTH.response;
    case MESSAGE.cookie:
      return length === MESSAGE_LENGTH.cookie;
    case MESSAGE.notice:
      return length === MESSAGE_LENGTH.notice;
    default:
      return false;
  }
}

/** Writes the first eight bytes: the type, and the index or reason that follows it in every message. */
function writeHead(bytes: Uint8Array, at: number, type: MessageType, word: number): void {
  bytes[at] = PREFIX[0];
  bytes[at + 1] = PREFIX[1];
  bytes[at + 2] = PREFIX[2];
  bytes[at + 3] = type;
  writeUint32(bytes, at + WORD_AT, word);
}

/**
 * Writes an initiation with zeros for both MACs, which src/sealed/mac.ts fills in.
 * @returns its length
 */
export function writeInitiation(
  bytes: Uint8Array,
  at: number,
  senderIndex: number,
  noise: Uint8Array,
): number {
  const length = initiationLength(noise.length);
  writeHead(bytes, at, MESSAGE.initiation, senderIndex);
  copyBytes(noise, 0, bytes, at + OFFSET.initiation.noise, noise.length);
  bytes.fill(0, at + mac1Offset(length), at + length);
  return length;
}

/** Writes a response. */
export function writeResponse(
  bytes: Uint8Array,
  at: number,
  receiverIndex: number,
  senderIndex: number,
  noise: Uint8Array,
): void {
  writeHead(bytes, at, MESSAGE.response, receiverIndex);
  writeUint32(bytes, at + OFFSET.response.senderIndex, senderIndex);
  copyBytes(noise, 0, bytes, at + OFFSET.response.noise, NOISE_LENGTH.response);
}

/** Writes a cookie message with zeros for its tag, which src/sealed/mac.ts fills in. */
export function writeCookie(
  bytes: Uint8Array,
  at: number,
  receiverIndex: number,
  cookie: Uint8Array,
): void {
  writeHead(bytes, at, MESSAGE.cookie, receiverIndex);
  copyBytes(cookie, 0, bytes, at + OFFSET.cookie.cookie, MAC_LENGTH);
  bytes.fill(0, at + OFFSET.cookie.tag, at + MESSAGE_LENGTH.cookie);
}

/** Writes the first 16 bytes of a data message, which are its AEAD's associated data. */
export function writeDataHeader(
  bytes: Uint8Array,
  at: number,
  receiverIndex: number,
  counter: number,
): void {
  writeHead(bytes, at, MESSAGE.data, receiverIndex);
  writeUint64(bytes, at + OFFSET.data.counter, counter);
}

/** The counter of a data message; rounded above 2^53, far beyond what is accepted. */
export function readCounter(bytes: Uint8Array, at: number): number {
  return readUint64(bytes, at + OFFSET.data.counter);
}

/** Writes a notice; `echo` is 16 bytes of the message that it answers, and may be in the same buffer. */
export function writeNotice(
  bytes: Uint8Array,
  at: number,
  reason: NoticeReason,
  echo: Uint8Array,
  echoAt: number,
): void {
  // In place the echo can overlap the notice: it is moved first, and as if by way of a copy.
  bytes.set(echo.subarray(echoAt, echoAt + ECHO_LENGTH), at + OFFSET.notice.echo);
  writeHead(bytes, at, MESSAGE.notice, reason);
}

/** The reason of a notice; undefined if unknown. */
export function readNoticeReason(bytes: Uint8Array, at: number): NoticeReason | undefined {
  const reason = bytes[at + OFFSET.notice.reason];
  return reason === NOTICE.noSession || reason === NOTICE.wrongKey ? reason : undefined;
}
