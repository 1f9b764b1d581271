import sodium from 'sodium-native';
import type { Endpoint } from '../wire/endpoint.js';
import { KEY_LENGTH, type PublicKey } from '../wire/key.js';
import {
  CANDIDATES_LENGTH,
  decodeCandidates,
  encodeCandidates,
} from '../wire/sealed-candidates.js';
import { OFFER_LENGTH } from '../wire/sealed-frames.js';
import { sharedSecret } from './diffie-hellman.js';
import type { KeyPair } from './key-pair.js';
import { wipe } from './wipe.js';

const LABEL = new TextEncoder().encode('wg-rendezvous offer 1');
const NONCE_LENGTH = 24;

/**
 * Seals local endpoints to a peer (one DH): as many as fit, from the first on.
 * @returns 88 bytes; undefined where the peer's key is a point of low order, with which nobody shares a secret
 */
export function sealOffer(
  own: KeyPair,
  peer: PublicKey,
  endpoints: readonly Endpoint[],
): Uint8Array | undefined {
  const offer = new Uint8Array(OFFER_LENGTH);
  const nonce = offer.subarray(0, NONCE_LENGTH);
  sodium.randombytes_buf(nonce);
  const key = offerKey(own, peer, own.publicKey, peer);
  if (key === undefined) {
    return undefined;
  }
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    offer.subarray(NONCE_LENGTH),
    encodeCandidates(endpoints),
    null,
    null,
    nonce,
    key,
  );
  wipe(key);
  return offer;
}

/** Opens the 88 bytes of an offer that a peer sealed (one DH). Undefined where it did not, or not to us. */
export function openOffer(
  own: KeyPair,
  peer: PublicKey,
  offer: Uint8Array,
): Endpoint[] | undefined {
  const key = offer.length === OFFER_LENGTH && offerKey(own, peer, peer, own.publicKey);
  if (!key) {
    return undefined;
  }
  const plaintext = new Uint8Array(CANDIDATES_LENGTH);
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
      plaintext,
      null,
      offer.subarray(NONCE_LENGTH),
      null,
      offer.subarray(0, NONCE_LENGTH),
      key,
    );
  } catch {
    return undefined;
  } finally {
    wipe(key);
  }
  return decodeCandidates(plaintext);
}

/** The key for offers that one peer seals to another, as either of them computes it. */
function offerKey(
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
