import NoiseState from 'noise-handshake';
import { KEY_LENGTH } from '../wire/key.js';
import { sharedSecret } from './diffie-hellman.js';
import { generateKeyPair, type KeyPair, keyPairOf } from './key-pair.js';
import { noiseHkdf } from './noise-hkdf.js';
import { wipe } from './wipe.js';

const CURVE: NoiseState.Curve = {
  DHLEN: KEY_LENGTH,
  PKLEN: KEY_LENGTH,
  SKLEN: KEY_LENGTH,
  ALG: '25519',
  generateKeyPair: (secretKey) => (secretKey ? keyPairOf(secretKey) : generateKeyPair()),
  dh: (publicKey, { secretKey }) => sharedSecret(publicKey, secretKey),
};

/**
 * One side of Noise_IK_25519_ChaChaPoly_BLAKE2b: noise-handshake's state with a counted X25519, a faster
 * HKDF that leaves no secrets behind, and copies. `recv` throws on bytes that do not open and ruins the
 * state, so call it on a copy. It also overwrites the bytes that it is given.
 */
export class NoiseIk extends NoiseState {
  constructor(initiator: boolean, own: KeyPair, prologue: Uint8Array, responder?: Uint8Array) {
    super('IK', initiator, own, { curve: CURVE });
    this.initialise(prologue, responder);
  }

  /** An independent copy. */
  copy(): NoiseIk {
    const copy = Object.assign(Object.create(NoiseIk.prototype) as NoiseIk, this);
    copy.key = this.key && Uint8Array.from(this.key);
    copy.digest = Uint8Array.from(this.digest);
    copy.chainingKey = Uint8Array.from(this.chainingKey);
    copy.e = this.e && {
      publicKey: Uint8Array.from(this.e.publicKey),
      secretKey: Uint8Array.from(this.e.secretKey),
    };
    copy.handshake = [...this.handshake];
    return copy;
  }

  override mixKey(remoteKey: Uint8Array, localKey: NoiseState.NoiseKeyPair): void {
    const shared = this.curve.dh(remoteKey, localKey);
    const [chainingKey, key] = noiseHkdf(this.chainingKey, shared);
    wipe(shared, this.chainingKey, this.key);
    this.chainingKey = chainingKey;
    this.initialiseKey(key.subarray(0, KEY_LENGTH));
  }

  override split(): Uint8Array[] {
    return noiseHkdf(this.chainingKey, new Uint8Array(0)).map((key) => key.subarray(0, KEY_LENGTH));
  }

  /** Overwrites its secrets, but not the static key pair, which the caller owns. Idempotent. */
  wipe(): void {
    wipe(this.key, this.digest, this.chainingKey, this.e?.secretKey, this.tx, this.rx);
  }
}
