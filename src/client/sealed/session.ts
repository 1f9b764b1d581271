import type { Transport } from '../../sealed/transport.js';
import { MAX_MESSAGES, REKEY_AFTER_MESSAGES } from '../../wire/sealed.js';
import { REJECT_AFTER_MS, REKEY_AFTER_MS } from './timing.js';

/** What a handshake made. Times are milliseconds of one monotonic clock. */
export class Session {
  /** When something of it was heard last, the handshake's response included. */
  heardAt: number;
  /** Whether anything was heard in it since the handshake. */
  isConfirmed = false;
  /** Nothing was heard for long, though much was to be answered: nothing more is sent in it. */
  isStalled = false;
  /** A notice says that the server does not know the session of our message with that counter. */
  refusedCounter: number | undefined;
  endsAt: number;
  /** When another is to take its place, for its age. */
  readonly rekeyAt: number;

  /**
   * @param ordinal how many sessions there were before
   * @param ours the number by which the server names it, and theirs by which we do
   */
  constructor(
    readonly ordinal: number,
    readonly ours: number,
    readonly theirs: number,
    readonly transport: Transport,
    /** Where the server does not hear us for so long, it forgets us. */
    readonly ttlMs: number,
    /** Peers that the server lets a client want. */
    readonly maxWanted: number,
    now: number,
  ) {
    this.heardAt = now;
    this.endsAt = now + REJECT_AFTER_MS;
    this.rekeyAt = now + REKEY_AFTER_MS;
  }

  isWornOut(now: number): boolean {
    return now >= this.rekeyAt || this.transport.sealedCount >= REKEY_AFTER_MESSAGES;
  }

  isOver(now: number): boolean {
    return now >= this.endsAt || this.transport.sealedCount >= MAX_MESSAGES;
  }

  heard(now: number): void {
    this.heardAt = now;
    this.isConfirmed = true;
    this.isStalled = false;
  }
}
