import sodium from 'sodium-native';
import type { PublicKey } from '../wire/key.js';
import { MAC_LENGTH, mac1Offset, mac2Offset, OFFSET } from '../wire/sealed.js';

const utf8 = new TextEncoder();

const computed = new Uint8Array(MAC_LENGTH);
const tagInput = new Uint8Array(OFFSET.cookie.tag + MAC_LENGTH);

/**
 * MACs whose key is derived from the server's public key: mac1 of an initiation and the tag of a cookie
 * message. `at` is the message's offset, `length` that of the initiation.
 */
export class MessageMacs {
  private readonly mac1Key: Uint8Array;
  private readonly cookieKey: Uint8Array;

  constructor(readonly server: PublicKey) {
    this.mac1Key = labelledKey('wg-rendezvous mac1', server);
    this.cookieKey = labelledKey('wg-rendezvous cookie', server);
  }

  /** Fills in mac1 of an initiation. */
  writeMac1(bytes: Uint8Array, at: number, length: number): void {
    this.mac1(bytes, at, length);
    bytes.set(computed, at + mac1Offset(length));
  }

  /** Whether mac1 of an initiation is correct. */
  hasMac1(bytes: Uint8Array, at: number, length: number): boolean {
    this.mac1(bytes, at, length);
    return isComputed(bytes, at + mac1Offset(length));
  }

  /** Fills in the tag of a cookie message that answers the initiation with that mac1. */
  writeTag(bytes: Uint8Array, at: number, mac1: Uint8Array, mac1At: number): void {
    this.tag(bytes, at, mac1, mac1At);
    bytes.set(computed, at + OFFSET.cookie.tag);
  }

  /** Whether the tag of a cookie message is correct for the initiation with that mac1. */
  hasTag(bytes: Uint8Array, at: number, mac1: Uint8Array, mac1At: number): boolean {
    this.tag(bytes, at, mac1, mac1At);
    return isComputed(bytes, at + OFFSET.cookie.tag);
  }

  private mac1(bytes: Uint8Array, at: number, length: number): void {
    sodium.crypto_generichash(computed, bytes.subarray(at, at + mac1Offset(length)), this.mac1Key);
  }

  private tag(bytes: Uint8Array, at: number, mac1: Uint8Array, mac1At: number): void {
    tagInput.set(bytes.subarray(at, at + OFFSET.cookie.tag));
    tagInput.set(mac1.subarray(mac1At, mac1At + MAC_LENGTH), OFFSET.cookie.tag);
    sodium.crypto_generichash(computed, tagInput, this.cookieKey);
  }
}

/** Fills in mac2, with the cookie as key, of an initiation that has its mac1. */
export function writeMac2(bytes: Uint8Array, at: number, length: number, cookie: Uint8Array): void {
  mac2(bytes, at, length, cookie);
  bytes.set(computed, at + mac2Offset(length));
}

/** Whether mac2 of an initiation is correct. */
export function hasMac2(
  bytes: Uint8Array,
  at: number,
  length: number,
  cookie: Uint8Array,
): boolean {
  mac2(bytes, at, length, cookie);
  return isComputed(bytes, at + mac2Offset(length));
}

function mac2(bytes: Uint8Array, at: number, length: number, cookie: Uint8Array): void {
  sodium.crypto_generichash(computed, bytes.subarray(at, at + mac2Offset(length)), cookie);
}

function isComputed(bytes: Uint8Array, at: number): boolean {
  return sodium.sodium_memcmp(bytes.subarray(at, at + MAC_LENGTH), computed);
}

function labelledKey(label: string, server: PublicKey): Uint8Array {
  const key = new Uint8Array(32);
  sodium.crypto_generichash(key, Buffer.concat([utf8.encode(label), server]));
  return key;
}
