/**
 * Private keys as base64 text in memory that can be overwritten: a string stays wherever the engine has
 * put it.
 */
import { KEY_LENGTH } from './key.js';

const BITS_PER_CHARACTER = 6;
const BITS_PER_BYTE = 8;

/** Characters that hold a key; the last of them holds 4 bits of it, and = follows. */
const CHARACTERS = 43;

const NEWLINE = 0x0a;
const PADDING = 0x3d;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The 32 bytes of a key in base64, with or without a newline; undefined when that is not what it is. */
export function decodeKey(text: Uint8Array): Uint8Array | undefined {
  const key = new Uint8Array(KEY_LENGTH);
  let bits = 0;
  let count = 0;
  let at = 0;
  let isKey = text[CHARACTERS] === PADDING && isEnd(text.subarray(CHARACTERS + 1));
  for (const character of text.subarray(0, CHARACTERS)) {
    const value = ALPHABET.indexOf(String.fromCharCode(character));
    isKey &&= value >= 0;
    bits = ((bits << BITS_PER_CHARACTER) | (value & 0x3f)) & 0x3fff;
    count += BITS_PER_CHARACTER;
    if (count >= BITS_PER_BYTE) {
      count -= BITS_PER_BYTE;
      key[at++] = bits >>> count;
    }
  }
  if (isKey && (bits & 0b11) === 0) {
    return key;
  }
  key.fill(0);
  return undefined;
}

/** A key in base64 and a newline, as `wg genkey` prints it. */
export function encodeKey(key: Uint8Array): Uint8Array {
  const text = new Uint8Array(CHARACTERS + 2);
  for (let i = 0; i < CHARACTERS; i++) {
    const bit = i * BITS_PER_CHARACTER;
    const byte = bit >>> 3;
    const pair = ((key[byte] ?? 0) << BITS_PER_BYTE) | (key[byte + 1] ?? 0);
    text[i] = ALPHABET.charCodeAt((pair >>> (10 - (bit & 7))) & 0x3f);
  }
  text.set([PADDING, NEWLINE], CHARACTERS);
  return text;
}

function isEnd(rest: Uint8Array): boolean {
  return rest.length === 0 || (rest.length === 1 && rest[0] === NEWLINE);
}
