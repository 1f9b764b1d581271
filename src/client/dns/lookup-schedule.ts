import { RCODE } from '../../wire/dns-reply.js';
import { type ReceivedReply, readReply } from '../../wire/dns-reply-reader.js';
import { instanceLabel, instanceName } from '../../wire/dns-sd.js';
import type { Candidates, SoughtPeer } from '../finder.js';
import { REFRESH_INTERVAL_MS } from '../timing.js';
import { type Exchange, Exchanges } from './exchanges.js';
import { type LookupFailure, SILENT, UNREADABLE } from './failure.js';
import { Lookup, type LookupQuestion } from './lookup.js';

/** Response codes of servers that cannot read EDNS, or not its version. */
const NO_EDNS: readonly number[] = [RCODE.FORMERR, RCODE.BADVERS];

/**
 * Which peers to look up when, several at a time, and their outcomes.
 * Pure: it does no I/O and takes the time, in milliseconds of one monotonic clock.
 */
export class LookupSchedule {
  readonly #peers: ReadonlyMap<string, SoughtPeer>;
  readonly #zone: string;
  readonly #exchanges: Exchanges;
  /** The lookups under way, and of peers whose last one failed, why: by the peer's base64 key. */
  readonly #lookups = new Map<string, Lookup>();
  readonly #failures = new Map<string, LookupFailure>();
  /** Until when an answer may be cached. */
  readonly #goodUntil = new Map<string, number>();
  readonly #arrange: (found: Candidates) => Candidates;
  #heardAt = Number.NEGATIVE_INFINITY;
  #silent = false;
  readonly #asksAlive: boolean;

  /**
   * @param randomId returns unpredictable numbers of 16 bits
   * @param arrange brings candidates into the order in which to try them
   * @param asksAlive whether peers that are alive are looked up too until the server has answered
   */
  constructor(
    peers: ReadonlyMap<string, SoughtPeer>,
    zone: string,
    randomId: () => number,
    arrange: (found: Candidates) => Candidates = (found) => found,
    asksAlive = false,
  ) {
    this.#asksAlive = asksAlive;
    this.#arrange = arrange;
    this.#peers = peers;
    this.#zone = zone;
    this.#exchanges = new Exchanges(randomId);
  }

  /** Begins the lookups that are due and gives up those without an answer; returns the queries to send. */
  work(now: number): Uint8Array[] {
    this.#forgetGone(now);
    for (const exchange of this.#exchanges.takeOverdue(now)) {
      this.#silent ||= this.#heardAt < exchange.startedAt;
      this.#fail(exchange, SILENT, now);
    }
    this.#startDue(now);
    const queries: Uint8Array[] = [];
    for (
      let query = this.#exchanges.next(now);
      query !== undefined;
      query = this.#exchanges.next(now)
    ) {
      queries.push(query);
    }
    return queries;
  }

  /** When the next lookup, send or timeout is due. */
  nextAt(now: number): number {
    let next = this.#exchanges.nextAt(now);
    for (const [key, peer] of this.#exchanges.hasRoom ? this.#peers : []) {
      if (this.#isSought(key, peer, now)) {
        next = Math.min(next, this.#dueAt(key, peer));
      }
    }
    return next;
  }

  /** A datagram arrived. Returns the exchange to repeat over TCP, if the reply was truncated. */
  received(message: Uint8Array, now: number): Exchange | undefined {
    const { exchange, reply } = this.#exchanges.match(message) ?? {};
    if (exchange === undefined || reply === undefined) {
      return undefined;
    }
    this.#heardAt = now;
    if (reply.kind === 'truncated') {
      return this.#exchanges.goOverTcp(exchange, now) ? exchange : undefined;
    }
    if (reply.kind === 'failed' && NO_EDNS.includes(reply.rcode) && exchange.edns) {
      this.#exchanges.goWithoutEdns(exchange, now);
      return undefined;
    }
    this.#replied(exchange, reply, now);
    return undefined;
  }

  /** A query over TCP ended, with a message or an error. */
  receivedOverTcp(exchange: Exchange, result: Uint8Array | Error, now: number): void {
    if (result instanceof Error) {
      const { code, message } = result as NodeJS.ErrnoException;
      this.#failNow(exchange, { kind: 'tcp', reason: code ?? message }, now);
      return;
    }
    const reply = readReply(result, exchange.id, exchange.question);
    if (reply === undefined) {
      this.#failNow(exchange, UNREADABLE, now);
    } else {
      this.#replied(exchange, reply, now);
    }
  }

  /** Whether a reply to a query has arrived. */
  get hasAnswered(): boolean {
    return this.#heardAt !== Number.NEGATIVE_INFINITY;
  }

  /** Why peers could not be looked up; undefined while none failed. */
  get failure(): LookupFailure | undefined {
    return [...this.#failures.values()][0];
  }

  /** Whether a question stayed unanswered while no message arrived at all. */
  get isSilent(): boolean {
    return this.#silent;
  }

  /** Starts over: replies to earlier queries can no longer arrive. */
  reset(): void {
    this.#exchanges.clear();
    this.#lookups.clear();
    this.#silent = false;
  }

  #startDue(now: number): void {
    if (!this.#exchanges.hasRoom) {
      return;
    }
    const due = [...this.#peers].filter(
      ([key, peer]) => this.#isSought(key, peer, now) && this.#dueAt(key, peer) <= now,
    );
    due.sort(([, a], [, b]) => a.askAt - b.askAt);
    for (const [key, peer] of due) {
      if (!this.#exchanges.hasRoom) {
        return;
      }
      const lookup = new Lookup(instanceName(instanceLabel(peer.publicKey), this.#zone));
      this.#lookups.set(key, lookup);
      this.#exchanges.ask(key, lookup.first);
      peer.asked(now);
    }
  }

  #isSought(key: string, peer: SoughtPeer, now: number): boolean {
    const isNeeded = !peer.isAlive(now) || (this.#asksAlive && !this.hasAnswered);
    return isNeeded && !this.#lookups.has(key);
  }

  #dueAt(key: string, peer: SoughtPeer): number {
    return Math.max(peer.askAt, this.#goodUntil.get(key) ?? Number.NEGATIVE_INFINITY);
  }

  #replied(exchange: Exchange, reply: ReceivedReply, now: number): void {
    if (this.#exchanges.end(exchange)) {
      const { owner, question } = exchange;
      const next = this.#lookups.get(owner)?.replied(question, reply) ?? [];
      this.#askNext(owner, next);
      this.#settle(owner, now);
    }
  }

  #failNow(exchange: Exchange, failure: LookupFailure, now: number): void {
    if (this.#exchanges.end(exchange)) {
      this.#fail(exchange, failure, now);
    }
  }

  #fail({ owner }: Exchange, failure: LookupFailure, now: number): void {
    this.#lookups.get(owner)?.failed(failure);
    this.#settle(owner, now);
  }

  #askNext(owner: string, questions: readonly LookupQuestion[]): void {
    for (const question of questions) {
      this.#exchanges.ask(owner, question);
    }
  }

  #settle(owner: string, now: number): void {
    const outcome = this.#lookups.get(owner)?.outcome;
    if (outcome === undefined) {
      return;
    }
    this.#lookups.delete(owner);
    if ('failure' in outcome) {
      this.#failures.set(owner, outcome.failure);
      return;
    }
    this.#failures.delete(owner);
    const goodForMs = Math.min(outcome.ttlSeconds * 1000, REFRESH_INTERVAL_MS);
    this.#goodUntil.set(owner, now + goodForMs);
    const { answer } = outcome;
    this.#peers.get(owner)?.answered(answer === 'unknown' ? answer : this.#arrange(answer));
  }

  #forgetGone(now: number): void {
    for (const key of [...this.#failures.keys()]) {
      if (this.#peers.get(key)?.isAlive(now) ?? true) {
        this.#failures.delete(key);
      }
    }
    for (const key of [...this.#goodUntil.keys()]) {
      if (!this.#peers.has(key)) {
        this.#goodUntil.delete(key);
      }
    }
  }
}
