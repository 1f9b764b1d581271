import sodium from 'sodium-native';
import { KEY_LENGTH } from '../wire/key.js';

/** Counts of the costly operations, none of which the server does for an unproven source. */
export const diffieHellmanCounts = {
  /** X25519 of a secret key and a public key. */
  shared: 0,
};

/**
 * X25519 (RFC 7748).
 * @returns 32 bytes
 * Throws an Error if the result is all zeros, which a public key of low order gives for every secret.
 */
export function sharedSecret(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array {
  diffieHellmanCounts.shared++;
  const shared = new Uint8Array(KEY_LENGTH);
  sodium.crypto_scalarmult(shared, secretKey, publicKey);
  return shared;
}
