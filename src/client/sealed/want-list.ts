import type { PublicKey } from '../../wire/key.js';
import type { PeerEntry } from '../../wire/sealed-frame-reader.js';
import { KEYS_PER_PART, wantParts } from '../../wire/sealed-frames.js';
import { type Flight, InFlight, takeFrom } from './in-flight.js';
import { NOT_KEPT_RETRY_MS, WANTS_IN_FLIGHT } from './timing.js';

/** A part of the want list, to be sent. */
export interface WantPart {
  readonly version: number;
  readonly part: number;
  readonly parts: number;
  readonly keys: readonly PublicKey[];
  readonly flight: Flight;
}

/**
 * The peers that this client wants, as the server is to keep them: a list with a version, sent in parts.
 * Each change makes a new version, which is sent as a whole. Names are keys in base64. Pure.
 */
export class WantList {
  #keys = new Map<string, PublicKey>();
  #version = 0;
  #parts: readonly (readonly string[])[] = [[]];
  /** The first part that was not sent yet. */
  #nextPart = 0;
  #isComplete = false;
  #maxWanted = Number.POSITIVE_INFINITY;
  /** Wanted, but more than the server allows. */
  #excess: readonly string[] = [];
  /** Refused by the server for want of room, and when they are due again. */
  readonly #refused = new Set<string>();
  #refusedDueAt = Number.POSITIVE_INFINITY;
  /** Refused peers that are due. */
  readonly #toRepeat = new Set<string>();
  readonly #inFlight = new InFlight(WANTS_IN_FLIGHT);

  has(name: string): boolean {
    return this.#keys.has(name);
  }

  /** Wanted peers that are not on the server's list. */
  get notKept(): string[] {
    return [...this.#refused, ...this.#excess];
  }

  /** Whether the server has answered for every peer. */
  get isSettled(): boolean {
    return this.nextAt === Number.POSITIVE_INFINITY;
  }

  /** Replaces the list. The same peers again change nothing. */
  want(peers: ReadonlyMap<string, { readonly publicKey: PublicKey }>): void {
    const before = this.#keys;
    const names = [...peers.keys()];
    if (names.length === before.size && names.every((name) => before.has(name))) {
      return;
    }
    const isNew = (name: string) => !before.has(name);
    // What is new comes first, so that it does not wait for the rest of a long list.
    const inOrder = [...names.filter(isNew), ...names.filter((name) => !isNew(name))];
    this.#keys = new Map(inOrder.map((name) => [name, peers.get(name)!.publicKey]));
    this.#beginVersion();
  }

  /**
   * A new session: the server has to get the list again.
   * @param maxWanted peers that the server allows
   */
  restart(maxWanted: number): void {
    this.#maxWanted = maxWanted;
    this.#beginVersion();
  }

  /** The part to send now; the caller notes in its flight that it was sent. */
  next(now: number): WantPart | undefined {
    const flight = this.#inFlight.due(now) ?? this.#launch(now);
    return (
      flight && {
        version: this.#version,
        part: flight.part,
        parts: this.#parts.length,
        keys: [...flight.names].map((name) => this.#keys.get(name)!),
        flight,
      }
    );
  }

  /** When there is a part to send; Infinity for never. */
  get nextAt(): number {
    const isQueued = this.#nextPart < this.#parts.length || this.#toRepeat.size > 0;
    return isQueued && this.#inFlight.hasRoom
      ? Number.NEGATIVE_INFINITY
      : Math.min(this.#inFlight.nextAt, this.#refusedDueAt);
  }

  /** Takes in the server's answer to our message with that counter. */
  answered(
    counter: number,
    entries: readonly (Pick<PeerEntry, 'notKept'> & { readonly name: string })[],
    now: number,
  ): void {
    const flight = this.#inFlight.find(counter);
    if (flight === undefined) {
      return; // of an earlier version, or answered already
    }
    for (const { name, notKept } of entries.filter(({ name }) => flight.names.has(name))) {
      this.#inFlight.land(name);
      this.#note(name, notKept, now);
    }
    if (flight.names.size === 0) {
      this.#inFlight.landAll(flight);
    }
    if (!this.#isComplete && this.#nextPart === this.#parts.length && this.#inFlight.isEmpty) {
      this.#completed(now);
    }
  }

  /** The server hears us from another address now: what is unanswered is sent again at once. */
  hurry(): void {
    this.#inFlight.hurry();
  }

  #beginVersion(): void {
    this.#version++;
    const names = [...this.#keys.keys()];
    const listed = names.slice(0, this.#maxWanted);
    this.#excess = names.slice(this.#maxWanted);
    this.#parts = Array.from({ length: wantParts(listed.length) }, (_, part) =>
      listed.slice(part * KEYS_PER_PART, (part + 1) * KEYS_PER_PART),
    );
    this.#nextPart = 0;
    this.#isComplete = false;
    this.#inFlight.clear();
    this.#toRepeat.clear();
    this.#refusedDueAt = Number.POSITIVE_INFINITY;
    const isListed = new Set(listed);
    for (const name of this.#refused) {
      if (!isListed.has(name)) {
        this.#refused.delete(name);
      }
    }
  }

  #launch(now: number): Flight | undefined {
    if (!this.#inFlight.hasRoom) {
      return undefined;
    }
    const part = this.#parts[this.#nextPart];
    if (part !== undefined) {
      return this.#inFlight.launch(part, this.#nextPart++);
    }
    if (now >= this.#refusedDueAt) {
      this.#repeatRefused();
    }
    // The server has every part: which of them carries the keys again makes no difference.
    return this.#toRepeat.size > 0
      ? this.#inFlight.launch(takeFrom(this.#toRepeat, KEYS_PER_PART))
      : undefined;
  }

  #note(name: string, notKept: boolean, now: number): void {
    if (notKept) {
      this.#refused.add(name);
      this.#refusedDueAt = Math.min(this.#refusedDueAt, now + NOT_KEPT_RETRY_MS);
    } else {
      this.#refused.delete(name);
    }
  }

  /**
   * The server has the whole list. With the last part it dropped what the list lacks, so there may be room
   * for peers of earlier parts.
   */
  #completed(now: number): void {
    this.#isComplete = true;
    if (this.#refused.size > 0 && this.#parts.length > 1) {
      this.#refusedDueAt = now;
    }
  }

  #repeatRefused(): void {
    for (const name of this.#refused) {
      this.#toRepeat.add(name);
    }
    this.#refusedDueAt = Number.POSITIVE_INFINITY;
  }
}
