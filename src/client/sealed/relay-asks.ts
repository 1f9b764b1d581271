import type { PublicKey } from '../../wire/key.js';
import { MAX_RELAYED } from '../../wire/sealed-frames.js';
import { Flight } from './in-flight.js';

/** A peer for which the server had no room is asked for again after this long. */
const REFUSED_RETRY_MS = 60_000;

/** The relay frame, to be sent. */
export interface RelayFrame {
  readonly publicKeys: readonly PublicKey[];
  readonly flight: Flight;
}

/**
 * The peers for which this client asks the server for a relay. The list is sent as a whole, again with each
 * change and in each session, to a server that relays. Peers are named by base64 key. Pure.
 */
export class RelayAsks {
  readonly #asked = new Map<string, PublicKey>();
  #flight: Flight | undefined;
  #isOffered = false;
  /** When the list is to be sent again although it is answered: a peer was refused. */
  #repeatAt = Number.POSITIVE_INFINITY;

  /** The peers that are asked for. */
  get keys(): string[] {
    return [...this.#asked.keys()];
  }

  has(key: string): boolean {
    return this.#asked.has(key);
  }

  /** Asks for a peer; false if as many are asked for as fit. */
  ask(key: string, publicKey: PublicKey): boolean {
    if (this.#asked.has(key)) {
      return true;
    }
    if (this.#asked.size >= MAX_RELAYED) {
      return false;
    }
    this.#asked.set(key, publicKey);
    this.#change();
    return true;
  }

  /** Asks for a peer no more. */
  drop(key: string): void {
    if (this.#asked.delete(key)) {
      this.#change();
    }
  }

  /** A new session. */
  restart(isOffered: boolean): void {
    this.#isOffered = isOffered;
    this.#change();
  }

  /** The server refused to relay to a peer. */
  refused(now: number): void {
    this.#repeatAt = Math.min(this.#repeatAt, now + REFUSED_RETRY_MS);
  }

  /** The frame to send now; the caller notes in its flight that it was sent. */
  next(now: number): RelayFrame | undefined {
    if (now >= this.#repeatAt) {
      this.#change();
    }
    const flight = this.#flight;
    return flight !== undefined && flight.dueAt <= now
      ? { publicKeys: [...this.#asked.values()], flight }
      : undefined;
  }

  /** When there is a frame to send; Infinity for never. */
  get nextAt(): number {
    return Math.min(this.#flight?.dueAt ?? Number.POSITIVE_INFINITY, this.#repeatAt);
  }

  /** The server answered our message with that counter. */
  answered(counter: number): void {
    if (this.#flight?.wasSentAs(counter)) {
      this.#flight = undefined;
    }
  }

  #change(): void {
    this.#repeatAt = Number.POSITIVE_INFINITY;
    this.#flight = this.#isOffered ? new Flight() : undefined;
  }
}
