import sodium from 'sodium-native';
import { KEY_LENGTH, type PublicKey, publicKey } from '../wire/key.js';
import { wipe } from './wipe.js';

/** An X25519 key pair: a WireGuard peer's, or the server's. */
export interface KeyPair {
  readonly publicKey: PublicKey;
  /** 32 bytes. Never logged; overwritten by wipeKeyPair. */
  readonly secretKey: Uint8Array;
}

/** Makes a new key pair, its secret key clamped as `wg genkey` does. */
export function generateKeyPair(): KeyPair {
  const secretKey = new Uint8Array(KEY_LENGTH);
  sodium.randombytes_buf(secretKey);
  secretKey[0]! &= 0xf8;
  secretKey[31] = (secretKey[31]! & 0x7f) | 0x40;
  return derive(secretKey);
}

/** The key pair of a secret key of 32 bytes, which it copies. Throws a RangeError on another length. */
export function keyPairOf(secretKey: Uint8Array): KeyPair {
  if (secretKey.length !== KEY_LENGTH) {
    throw new RangeError(`a private key has ${KEY_LENGTH} bytes, got ${secretKey.length}`);
  }
  return derive(Uint8Array.from(secretKey));
}

/** Overwrites the secret key. */
export function wipeKeyPair(pair: KeyPair): void {
  wipe(pair.secretKey);
}

function derive(secretKey: Uint8Array): KeyPair {
  const key = new Uint8Array(KEY_LENGTH);
  sodium.crypto_scalarmult_base(key, secretKey);
  return { publicKey: publicKey(key), secretKey };
}
