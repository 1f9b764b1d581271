import { base32 } from '@scure/base';
import naclUtil from 'tweetnacl-util';

/** Length in bytes of a WireGuard public key (an X25519 point). */
export const KEY_LENGTH = 32;

/** The same in 32-bit words. */
export const KEY_WORDS = 8;

/** A WireGuard public key: 32 bytes, never changed after parsing. */
export type PublicKey = Uint8Array & { readonly publicKey: unique symbol };

/** Checks the length of raw key bytes. Throws a RangeError with got and expected. */
export function publicKey(bytes: Uint8Array): PublicKey {
  if (bytes.length !== KEY_LENGTH) {
    throw new RangeError(`a key has ${KEY_LENGTH} bytes, got ${bytes.length}`);
  }
  return bytes as PublicKey;
}

/**
 * Parses the 44 characters of base64 that `wg` prints.
 * Throws a RangeError when the text is not the one canonical encoding of 32 bytes.
 */
export function parsePublicKey(text: string): PublicKey {
  const key = publicKey(decodeBase64(text));
  if (formatPublicKey(key) !== text) {
    throw new RangeError('not a key: the last characters carry stray bits');
  }
  return key;
}

/** The base64 text of a key, as `wg` prints it. */
export function formatPublicKey(key: PublicKey): string {
  return naclUtil.encodeBase64(key);
}

/** RFC 4648 base32 with padding: a key as one case-insensitive DNS label of 56 characters. */
export function formatPublicKeyBase32(key: PublicKey): string {
  return base32.encode(key);
}

function decodeBase64(text: string): Uint8Array {
  try {
    return naclUtil.decodeBase64(text);
  } catch (cause) {
    throw new RangeError('not a key: expected 44 characters of base64', { cause });
  }
}
