import sodium from 'sodium-native';
import { BIND_LENGTH, BIND_MAC_LENGTH, BIND_OFFSET } from '../wire/relay.js';

const computed = new Uint8Array(BIND_MAC_LENGTH);

/** Fills in the MAC of a bind, or of its answer, at `at`. */
export function writeBindMac(bytes: Uint8Array, at: number, key: Uint8Array): void {
  compute(bytes, at, key);
  bytes.set(computed, at + BIND_OFFSET.mac);
}

/** Whether the MAC of a bind, or of its answer, at `at` is correct. */
export function hasBindMac(bytes: Uint8Array, at: number, key: Uint8Array): boolean {
  compute(bytes, at, key);
  return sodium.sodium_memcmp(bytes.subarray(at + BIND_OFFSET.mac, at + BIND_LENGTH), computed);
}

function compute(bytes: Uint8Array, at: number, key: Uint8Array): void {
  sodium.crypto_generichash(computed, bytes.subarray(at, at + BIND_OFFSET.mac), key);
}
