import type { PublicKey } from '../../wire/key.js';
import { FRAME, maxItems } from '../../wire/sealed-frames.js';
import { type Flight, InFlight, takeFrom } from './in-flight.js';

const PEERS_PER_DATAGRAM = maxItems(FRAME.candidates);
const MAX_IN_FLIGHT = 8;

interface Recipient {
  readonly publicKey: PublicKey;
  /** Sealed once for the present addresses: the server pushes nothing if the bytes are the same. */
  sealed: Uint8Array | undefined;
}

/** Candidates to send, in one datagram. */
export interface CandidatesToSend {
  readonly items: readonly { readonly publicKey: PublicKey; readonly sealed: Uint8Array }[];
  readonly flight: Flight;
}

/**
 * This host's local candidates (RFC 8445's host candidates), sealed to each peer that wants us as well,
 * when they are first sent. Peers are named by base64 key. Pure.
 */
export class LocalCandidates {
  readonly #seal: (peer: PublicKey) => Uint8Array | undefined;
  readonly #recipients = new Map<string, Recipient>();
  readonly #queue = new Set<string>();
  readonly #inFlight = new InFlight(MAX_IN_FLIGHT);

  /** @param seal seals our addresses to a peer; undefined if that is impossible, or they are unknown */
  constructor(seal: (peer: PublicKey) => Uint8Array | undefined) {
    this.#seal = seal;
  }

  /** Adds a peer that wants us as well. */
  add(key: string, publicKey: PublicKey): void {
    if (!this.#recipients.has(key)) {
      this.#recipients.set(key, { publicKey, sealed: undefined });
      this.#queue.add(key);
    }
  }

  /** Sends a peer the same bytes again: the server may have dropped them. */
  repeat(key: string): void {
    if (this.#recipients.has(key)) {
      this.#inFlight.land(key);
      this.#queue.add(key);
    }
  }

  /** Removes a peer; the server has dropped our candidates for it. */
  remove(key: string): void {
    this.#recipients.delete(key);
    this.#queue.delete(key);
    this.#inFlight.land(key);
  }

  /** Removes the peers for which the test fails. */
  keepOnly(isWanted: (key: string) => boolean): void {
    for (const key of this.#recipients.keys()) {
      if (!isWanted(key)) {
        this.remove(key);
      }
    }
  }

  /** A new session: the server may have none of them. */
  restart(): void {
    this.#inFlight.clear();
    for (const key of this.#recipients.keys()) {
      this.#queue.add(key);
    }
  }

  /** Our addresses changed. */
  addressesChanged(): void {
    for (const recipient of this.#recipients.values()) {
      recipient.sealed = undefined;
    }
    this.restart();
  }

  /** What to send now; the caller notes in its flight that it was sent. */
  next(now: number): CandidatesToSend | undefined {
    const due = this.#inFlight.due(now);
    if (due === undefined && (this.#queue.size === 0 || !this.#inFlight.hasRoom)) {
      return undefined;
    }
    const flight = due ?? this.#inFlight.launch(takeFrom(this.#queue, PEERS_PER_DATAGRAM));
    const items = [...flight.keys].flatMap((key) => this.#itemFor(key));
    return items.length > 0 ? { items, flight } : this.next(now);
  }

  /** When there is something to send; Infinity for never. */
  get nextAt(): number {
    const isQueued = this.#queue.size > 0 && this.#inFlight.hasRoom;
    return isQueued ? Number.NEGATIVE_INFINITY : this.#inFlight.nextAt;
  }

  /** The server acknowledged our message with that counter. */
  acknowledged(counter: number): void {
    const flight = this.#inFlight.find(counter);
    if (flight !== undefined) {
      this.#inFlight.landAll(flight);
    }
  }

  #itemFor(key: string): { publicKey: PublicKey; sealed: Uint8Array }[] {
    const recipient = this.#recipients.get(key);
    const sealed = recipient && (recipient.sealed ?? this.#seal(recipient.publicKey));
    if (recipient === undefined || sealed === undefined) {
      this.#inFlight.land(key);
      return [];
    }
    recipient.sealed = sealed;
    return [{ publicKey: recipient.publicKey, sealed }];
  }
}
