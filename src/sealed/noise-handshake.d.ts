/** The part of noise-handshake 4 that is used here, and what of its state is copied or replaced. */
declare module 'noise-handshake' {
  namespace NoiseState {
    interface NoiseKeyPair {
      publicKey: Uint8Array;
      secretKey: Uint8Array;
    }

    interface Curve {
      readonly DHLEN: number;
      readonly PKLEN: number;
      readonly SKLEN: number;
      readonly ALG: string;
      generateKeyPair(secretKey?: Uint8Array): NoiseKeyPair;
      dh(publicKey: Uint8Array, keyPair: NoiseKeyPair): Uint8Array;
    }
  }

  class NoiseState {
    constructor(
      pattern: 'IK',
      initiator: boolean,
      staticKeyPair: NoiseState.NoiseKeyPair,
      options?: { curve?: NoiseState.Curve },
    );

    /** CipherState: the key, 32 bytes, and the next nonce. */
    key: Uint8Array | null;
    nonce: number;
    initialiseKey(key: Uint8Array): void;

    /** SymmetricState: h and ck, 64 bytes each. */
    digest: Uint8Array;
    chainingKey: Uint8Array;
    readonly curve: NoiseState.Curve;
    mixKey(remoteKey: Uint8Array, localKey: NoiseState.NoiseKeyPair): void;
    split(): Uint8Array[];

    /** HandshakeState. */
    s: NoiseState.NoiseKeyPair;
    e: NoiseState.NoiseKeyPair | null;
    rs: Uint8Array | null;
    re: Uint8Array | null;
    /** The messages that are still to come. */
    handshake: unknown[];
    complete: boolean;
    tx: Uint8Array | null;
    rx: Uint8Array | null;
    initialise(prologue: Uint8Array, remoteStatic?: Uint8Array): void;
    send(payload?: Uint8Array): Uint8Array;
    recv(message: Uint8Array): Uint8Array;
  }

  export = NoiseState;
}
