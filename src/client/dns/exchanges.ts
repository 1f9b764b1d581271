import { messageId } from '../../wire/dns-message.js';
import { encodeQuery } from '../../wire/dns-query.js';
import { type ReceivedReply, readReply } from '../../wire/dns-reply-reader.js';
import {
  ATTEMPTS_PER_TURN,
  MAX_REPLY_TIMEOUT_MS,
  MIN_REPLY_TIMEOUT_MS,
  MIN_SPACING_MS,
} from '../timing.js';
import type { LookupQuestion } from './lookup.js';

/** Questions in flight at a time; the others wait. */
export const MAX_IN_FLIGHT = 64;

/** Datagrams that are sent at once, every MIN_SPACING_MS. */
export const BURST = 16;

/** Of these over TCP: our registry accepts 32 connections from one source, other servers fewer. */
export const MAX_OVER_TCP = 16;

/** How long an answer over TCP may take. */
export const TCP_TIMEOUT_MS = 5000;

const MAX_ID = 0xffff;

/** A question in flight. */
export interface Exchange {
  readonly id: number;
  /** The lookup that the question belongs to. */
  readonly owner: string;
  readonly question: LookupQuestion;
  readonly startedAt: number;
  /** The message as last sent. */
  readonly query: Uint8Array;
  readonly edns: boolean;
}

interface InFlight extends Exchange {
  query: Uint8Array;
  edns: boolean;
  attempts: number;
  /** When it is repeated or given up. */
  deadline: number;
  overTcp: boolean;
}

/**
 * Questions in flight: when each is sent, repeated and given up, and which one a message answers.
 * Pure: it does no I/O and takes the time, in milliseconds of one monotonic clock.
 */
export class Exchanges {
  readonly #randomId: () => number;
  readonly #inFlight = new Map<number, InFlight>();
  #waiting: { readonly owner: string; readonly question: LookupQuestion }[] = [];
  #burstAt = Number.NEGATIVE_INFINITY;
  #burst = 0;

  /** @param randomId returns unpredictable numbers of 16 bits */
  constructor(randomId: () => number) {
    this.#randomId = randomId;
  }

  /**
   * Whether a new question would be sent soon. A caller that begins lookups only then has at most
   * MAX_IN_FLIGHT of them, and that many times a lookup's further questions waiting.
   */
  get hasRoom(): boolean {
    return this.#waiting.length + this.#inFlight.size < MAX_IN_FLIGHT;
  }

  ask(owner: string, question: LookupQuestion): void {
    this.#waiting.push({ owner, question });
  }

  /** The query to send now, if any. It counts as sent. */
  next(now: number): Uint8Array | undefined {
    if (now < this.#sendableAt()) {
      return undefined;
    }
    const query = this.#again(now) ?? this.#begin(now);
    if (query !== undefined) {
      this.#countSent(now);
    }
    return query;
  }

  /** When the next send or timeout is due. */
  nextAt(now: number): number {
    const deadlines = [...this.#inFlight.values()].map(({ deadline }) => deadline);
    const sendable = this.#waiting.length > 0 && this.#inFlight.size < MAX_IN_FLIGHT;
    const wanted = Math.min(...deadlines, sendable ? now : Number.POSITIVE_INFINITY);
    return Math.max(wanted, this.#sendableAt());
  }

  /** Removes and returns the exchanges without a reply to their last attempt. */
  takeOverdue(now: number): Exchange[] {
    const overdue = [...this.#inFlight].filter(
      ([, { deadline, attempts }]) => deadline <= now && attempts >= ATTEMPTS_PER_TURN,
    );
    for (const [id] of overdue) {
      this.#inFlight.delete(id);
    }
    return overdue.map(([, exchange]) => exchange);
  }

  /** The exchange that a datagram answers, and the reply; undefined if it answers none. */
  match(message: Uint8Array): { exchange: Exchange; reply: ReceivedReply } | undefined {
    const exchange = this.#inFlight.get(messageId(message) ?? -1);
    const reply = exchange && readReply(message, exchange.id, exchange.question);
    return exchange === undefined || reply === undefined ? undefined : { exchange, reply };
  }

  /** Ends an exchange that is answered or given up; false if it has ended before. */
  end(exchange: Exchange): boolean {
    return this.#inFlight.get(exchange.id) === exchange && this.#inFlight.delete(exchange.id);
  }

  /**
   * The reply does not fit in a datagram: the exchange continues over TCP. False if it already does, or
   * too many do: then the query is repeated over UDP, and its reply may find room.
   */
  goOverTcp({ id }: Exchange, now: number): boolean {
    const flight = this.#inFlight.get(id);
    if (flight === undefined || flight.overTcp || this.#overTcp >= MAX_OVER_TCP) {
      return false;
    }
    flight.overTcp = true;
    flight.attempts = ATTEMPTS_PER_TURN;
    flight.deadline = now + TCP_TIMEOUT_MS;
    return true;
  }

  /** The server cannot read EDNS: repeats the question without it. */
  goWithoutEdns({ id }: Exchange, now: number): void {
    const flight = this.#inFlight.get(id);
    if (flight !== undefined) {
      flight.query = encodeQuery(flight.question, id, false);
      flight.edns = false;
      flight.attempts = 0;
      flight.deadline = now;
    }
  }

  /** Forgets all exchanges: their replies can no longer arrive. */
  clear(): void {
    this.#inFlight.clear();
    this.#waiting = [];
  }

  get #overTcp(): number {
    return [...this.#inFlight.values()].filter(({ overTcp }) => overTcp).length;
  }

  #again(now: number): Uint8Array | undefined {
    for (const flight of this.#inFlight.values()) {
      const { deadline, attempts, query } = flight;
      if (deadline <= now && attempts < ATTEMPTS_PER_TURN) {
        flight.attempts = attempts + 1;
        flight.deadline = now + timeoutMs(flight.attempts);
        return query;
      }
    }
    return undefined;
  }

  #begin(now: number): Uint8Array | undefined {
    const next = this.#inFlight.size < MAX_IN_FLIGHT ? this.#waiting.shift() : undefined;
    if (next === undefined) {
      return undefined;
    }
    const id = this.#unusedId();
    const query = encodeQuery(next.question, id, true);
    const deadline = now + timeoutMs(1);
    const fresh = { edns: true, overTcp: false, attempts: 1, startedAt: now };
    this.#inFlight.set(id, { ...next, ...fresh, id, query, deadline });
    return query;
  }

  #unusedId(): number {
    let id = this.#randomId();
    while (this.#inFlight.has(id)) {
      id = (id + 1) & MAX_ID;
    }
    return id;
  }

  #sendableAt(): number {
    return this.#burst < BURST ? Number.NEGATIVE_INFINITY : this.#burstAt + MIN_SPACING_MS;
  }

  #countSent(now: number): void {
    if (now >= this.#burstAt + MIN_SPACING_MS) {
      this.#burstAt = now;
      this.#burst = 0;
    }
    this.#burst += 1;
  }
}

function timeoutMs(attempt: number): number {
  return Math.min(MIN_REPLY_TIMEOUT_MS * 2 ** (attempt - 1), MAX_REPLY_TIMEOUT_MS);
}
