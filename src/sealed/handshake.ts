import { type PublicKey, publicKey } from '../wire/key.js';
import { decodeInitiationPayload, type InitiationPayload } from '../wire/sealed-initiation.js';
import type { KeyPair } from './key-pair.js';
import { NoiseIk } from './noise-state.js';
import { wipe } from './wipe.js';

const PROLOGUE = new TextEncoder().encode('wg-rendezvous sealed 1');

/** One side's keys of a session, 32 bytes each; the other side has them swapped. */
export interface TransportKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

/** What a response gives the client. */
export interface OpenedResponse {
  /** 32 bytes. */
  readonly payload: Uint8Array;
  readonly keys: TransportKeys;
}

/** The client's side of Noise IK: one key generation and two DH. */
export class NoiseInitiator {
  /** The noise part of an initiation: 96 bytes and the payload. */
  readonly noise: Uint8Array;
  private readonly state: NoiseIk;

  /**
   * @param payload see InitiationPayload
   * Throws an Error if the server's key is a point of low order.
   */
  constructor(own: KeyPair, server: PublicKey, payload: Uint8Array) {
    this.state = new NoiseIk(true, own, PROLOGUE, server);
    this.noise = this.state.send(payload);
  }

  /**
   * Opens the noise part of a response, 80 bytes: two DH. Undefined unless the server made it for this
   * initiation; a genuine response can still follow a forged one.
   */
  accept(noise: Uint8Array): OpenedResponse | undefined {
    return attempt(this.state.copy(), (state) => {
      const payload = state.recv(Uint8Array.from(noise));
      return { payload, keys: transportKeys(state) };
    });
  }

  /** Overwrites its secrets: it accepts nothing from then on. */
  wipe(): void {
    this.state.wipe();
  }
}

/** The result of the server's side of a handshake. */
export interface Responded {
  /** The noise part of the response: 80 bytes. */
  readonly noise: Uint8Array;
  readonly keys: TransportKeys;
}

/** An opened initiation: its client holds the key that it names, but it may be a replay. */
export class OpenedInitiation {
  constructor(
    private readonly state: NoiseIk,
    readonly clientKey: PublicKey,
    readonly payload: InitiationPayload,
  ) {}

  /** Makes the response, once: one key generation and two DH. Undefined for a bad ephemeral key. */
  respond(payload: Uint8Array): Responded | undefined {
    return attempt(this.state, (state) => {
      const noise = state.send(payload);
      return { noise, keys: transportKeys(state) };
    });
  }

  /** Overwrites its secrets, if there is no response. */
  wipe(): void {
    this.state.wipe();
  }
}

/** Opens the noise part of an initiation: two DH. Undefined if it is not for this server. */
export function openInitiation(server: KeyPair, noise: Uint8Array): OpenedInitiation | undefined {
  const state = new NoiseIk(false, server, PROLOGUE);
  try {
    const payload = decodeInitiationPayload(Uint8Array.from(state.recv(Uint8Array.from(noise))));
    if (payload !== undefined) {
      const clientKey = publicKey(Uint8Array.from(state.rs as Uint8Array));
      return new OpenedInitiation(state, clientKey, payload);
    }
  } catch {
    // Not for this server, or changed.
  }
  state.wipe();
  return undefined;
}

/** Runs a step that throws on wrong bytes, and wipes the state after it. */
function attempt<T>(state: NoiseIk, step: (state: NoiseIk) => T): T | undefined {
  try {
    return step(state);
  } catch {
    return undefined;
  } finally {
    state.wipe();
  }
}

function transportKeys(state: NoiseIk): TransportKeys {
  const keys = {
    send: Uint8Array.from(state.tx as Uint8Array),
    receive: Uint8Array.from(state.rx as Uint8Array),
  };
  wipe(state.tx, state.rx);
  return keys;
}
