import sodium from 'sodium-native';
import { KEY_LENGTH, type PublicKey } from '../wire/key.js';
import {
  CANDIDATES_LENGTH,
  decodeCandidates,
  encodeCandidates,
  type PeerCandidates,
} from '../wire/sealed-candidates.js';
import { SEALED_CANDIDATES_LENGTH } from '../wire/sealed-frames.js';
import { sharedSecret } from './diffie-hellman.js';
import type { KeyPair } from './key-pair.js';
import { wipe } from './wipe.js';

const LABEL = new TextEncoder().encode('wg-rendezvous candidates 2');
const NONCE_LENGTH = 24;

/**
 * Seals this host's candidates to a peer (one DH): in order, as many as fit.
 * @returns 248 bytes; undefined if the peer's key is a point of low order, which gives no shared secret
 */
export function sealCandidates(
  own: KeyPair,
  peer: PublicKey,
  candidates: PeerCandidates,
): Uint8Array | undefined {
  const sealed = new Uint8Array(SEALED_CANDIDATES_LENGTH);
  const nonce = sealed.subarray(0, NONCE_LENGTH);
  sodium.randombytes_buf(nonce);
  const key = candidatesKey(own, peer, own.publicKey, peer);
  if (key === undefined) {
    return undefined;
  }
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    sealed.subarray(NONCE_LENGTH),
    encodeCandidates(candidates),
    null,
    null,
    nonce,
    key,
  );
  wipe(key);
  return sealed;
}

/** Opens 248 bytes of candidates (one DH); undefined unless that peer sealed them to us. */
export function openCandidates(
  own: KeyPair,
  peer: PublicKey,
  sealed: Uint8Array,
): PeerCandidates | undefined {
  const key =
    sealed.length === SEALED_CANDIDATES_LENGTH && candidatesKey(own, peer, peer, own.publicKey);
  if (!key) {
    return undefined;
  }
  const plaintext = new Uint8Array(CANDIDATES_LENGTH);
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
      plaintext,
      null,
      sealed.subarray(NONCE_LENGTH),
      null,
      sealed.subarray(0, NONCE_LENGTH),
      key,
    );
  } catch {
    return undefined;
  } finally {
    wipe(key);
  }
  return decodeCandidates(plaintext);
}

/** The key of the candidates that one peer seals to another; both compute the same. */
function candidatesKey(
  own: KeyPair,
  peer: PublicKey,
  sealer: PublicKey,
  opener: PublicKey,
): Uint8Array | undefined {
  let shared: Uint8Array;
  try {
    shared = sharedSecret(peer, own.secretKey);
  } catch {
    return undefined;
  }
  const key = new Uint8Array(KEY_LENGTH);
  sodium.crypto_generichash(key, Buffer.concat([LABEL, sealer, opener]), shared);
  wipe(shared);
  return key;
}
