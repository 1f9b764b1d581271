import type { Transport } from '../../sealed/transport.js';
import { MAX_MESSAGES, REKEY_AFTER_MESSAGES } from '../../wire/sealed.js';

/** A session of this age is replaced; at the second it ends. */
const REKEY_AFTER_MS = 600_000;
const SESSION_LIFETIME_MS = 900_000;

/** What a response settles about the session. */
export interface SessionTerms {
  /** How many sessions this client had before. */
  readonly ordinal: number;
  /** The server names the session by the first, the client by the second. */
  readonly localIndex: number;
  readonly remoteIndex: number;
  readonly transport: Transport;
  /** The server forgets a client from which it gets nothing for this long. */
  readonly ttlMs: number;
  /** Peers that the server lets a client want. */
  readonly maxWanted: number;
  /** Whether the server relays. */
  readonly relays: boolean;
  /** The server's other port, where this client can be observed as well; 0 for none. */
  readonly otherPort: number;
}

/** The client's side of a session. Times are milliseconds of one monotonic clock. */
export class ClientSession {
  /** When the server's last message arrived, the response included. */
  heardAt: number;
  /** Whether data arrived since the handshake. */
  isConfirmed = false;
  /** Several messages are unanswered: nothing more is sent until something arrives. */
  isStalled = false;
  /** The counter of our message that a notice refused: the server does not have the session. */
  refusedCounter: number | undefined;
  endsAt: number;
  /** When its age calls for another session. */
  readonly rekeyAt: number;

  constructor(
    readonly terms: SessionTerms,
    now: number,
  ) {
    this.heardAt = now;
    this.endsAt = now + SESSION_LIFETIME_MS;
    this.rekeyAt = now + REKEY_AFTER_MS;
  }

  get transport(): Transport {
    return this.terms.transport;
  }

  /** Whether its age or its number of messages calls for another session. */
  isWornOut(now: number): boolean {
    return now >= this.rekeyAt || this.transport.sealedCount >= REKEY_AFTER_MESSAGES;
  }

  isOver(now: number): boolean {
    return now >= this.endsAt || this.transport.sealedCount >= MAX_MESSAGES;
  }

  /** Notes that data arrived. */
  heard(now: number): void {
    this.heardAt = now;
    this.isConfirmed = true;
    this.isStalled = false;
  }
}
