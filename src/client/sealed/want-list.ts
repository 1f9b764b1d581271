import type { PublicKey } from '../../wire/key.js';
import type { PeerEntry } from '../../wire/sealed-frame-reader.js';
import { INITIATION_COUNTER, KEYS_PER_PART, splitWantList } from '../../wire/sealed-frames.js';
import { type Flight, InFlight, takeFrom } from './in-flight.js';

/** Parts in flight: 1 184 peers, in a burst of 38 KB. */
const MAX_IN_FLIGHT = 32;

/** A peer that the server refused for want of room is wanted again after this long. */
const NOT_KEPT_RETRY_MS = 60_000;

/** The answer to a part in an initiation comes with the response, so it is missed soon. */
const EARLY_RETRY_MS = 100;

/** A part of the want list. */
export interface WantPart {
  readonly version: number;
  readonly part: number;
  readonly parts: number;
  readonly publicKeys: readonly PublicKey[];
}

/**
 * The peers that this client wants, as the server is to keep them: a list with a version, sent in parts.
 * Each change makes a new version, which is sent as a whole. Peers are named by base64 key. Pure.
 */
export class WantList {
  #wanted = new Map<string, PublicKey>();
  #version = 1;
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
  readonly #inFlight = new InFlight(MAX_IN_FLIGHT);

  has(key: string): boolean {
    return this.#wanted.has(key);
  }

  /** Wanted peers that are not on the server's list. */
  get notKept(): string[] {
    return [...this.#refused, ...this.#excess];
  }

  /** Whether the server has the whole list, and has answered for every peer that it keeps. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Whether the server has answered for every peer. */
  get isSettled(): boolean {
    return this.nextAt === Number.POSITIVE_INFINITY;
  }

  /** Replaces the list. The same peers again change nothing. */
  want(peers: ReadonlyMap<string, { readonly publicKey: PublicKey }>): void {
    const before = this.#wanted;
    const keys = [...peers.keys()];
    if (keys.length === before.size && keys.every((key) => before.has(key))) {
      return;
    }
    const isNew = (key: string) => !before.has(key);
    // What is new comes first, so that it does not wait for the rest of a long list.
    const inOrder = [...keys.filter(isNew), ...keys.filter((key) => !isNew(key))];
    this.#wanted = new Map(inOrder.map((key) => [key, peers.get(key)!.publicKey]));
    this.#beginVersion();
  }

  /** The first part, for an initiation. */
  get firstPart(): WantPart {
    return this.#partOf(0, this.#parts[0]!);
  }

  /**
   * A new session: the server has to get the list again.
   * @param maxWanted peers that the server allows
   * @param taken the version of the list whose first part the server took in with the initiation
   */
  restart(maxWanted: number, taken: number | undefined, now: number): void {
    const isBegun = taken === this.#version && this.#wanted.size <= maxWanted;
    this.#maxWanted = maxWanted;
    if (!isBegun || this.#excess.length > 0) {
      this.#beginVersion();
      return;
    }
    this.#begin();
    this.#nextPart = 1;
    this.#inFlight.launch(this.#parts[0]!).sent(INITIATION_COUNTER, now, EARLY_RETRY_MS);
  }

  /** The part to send now; the caller notes in its flight that it was sent. */
  next(now: number): (WantPart & { readonly flight: Flight }) | undefined {
    const flight = this.#inFlight.due(now) ?? this.#launch(now);
    return flight && { ...this.#partOf(flight.part, [...flight.keys]), flight };
  }

  #partOf(part: number, keys: readonly string[]): WantPart {
    return {
      version: this.#version,
      part,
      parts: this.#parts.length,
      publicKeys: keys.map((key) => this.#wanted.get(key)!),
    };
  }

  /** When there is a part to send; Infinity for never. */
  get nextAt(): number {
    const isQueued = this.#nextPart < this.#parts.length || this.#toRepeat.size > 0;
    if (isQueued && this.#inFlight.hasRoom) {
      return Number.NEGATIVE_INFINITY;
    }
    return this.#isComplete
      ? Math.min(this.#inFlight.nextAt, this.#refusedDueAt)
      : this.#inFlight.nextAt;
  }

  /** Takes in the server's answer to our message with that counter. */
  answered(
    counter: number,
    entries: readonly (Pick<PeerEntry, 'notKept'> & { readonly key: string })[],
    now: number,
  ): void {
    const flight = this.#inFlight.find(counter);
    if (flight === undefined) {
      return; // of an earlier version, or answered already
    }
    for (const { key, notKept } of entries.filter(({ key }) => flight.keys.has(key))) {
      this.#inFlight.land(key);
      this.#note(key, notKept, now);
    }
    if (flight.keys.size === 0) {
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
    const keys = [...this.#wanted.keys()];
    const listed = keys.slice(0, this.#maxWanted);
    this.#excess = keys.slice(this.#maxWanted);
    this.#parts = splitWantList(listed);
    this.#begin();
    const isListed = new Set(listed);
    for (const key of this.#refused) {
      if (!isListed.has(key)) {
        this.#refused.delete(key);
      }
    }
  }

  /** Nothing of the present version is answered. */
  #begin(): void {
    this.#nextPart = 0;
    this.#isComplete = false;
    this.#inFlight.clear();
    this.#toRepeat.clear();
    this.#refusedDueAt = Number.POSITIVE_INFINITY;
  }

  #launch(now: number): Flight | undefined {
    if (!this.#inFlight.hasRoom) {
      return undefined;
    }
    const part = this.#parts[this.#nextPart];
    if (part !== undefined) {
      return this.#inFlight.launch(part, this.#nextPart++);
    }
    if (this.#isComplete && now >= this.#refusedDueAt) {
      this.#repeatRefused();
    }
    // The server has every part by now, so it makes no difference which of them these keys repeat.
    return this.#toRepeat.size > 0
      ? this.#inFlight.launch(takeFrom(this.#toRepeat, KEYS_PER_PART))
      : undefined;
  }

  #note(key: string, notKept: boolean, now: number): void {
    if (notKept) {
      this.#refused.add(key);
      this.#refusedDueAt = Math.min(this.#refusedDueAt, now + NOT_KEPT_RETRY_MS);
    } else {
      this.#refused.delete(key);
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
    for (const key of this.#refused) {
      this.#toRepeat.add(key);
    }
    this.#refusedDueAt = Number.POSITIVE_INFINITY;
  }
}
