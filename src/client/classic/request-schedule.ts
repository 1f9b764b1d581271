import type { ClassicAnswer } from '../../wire/classic.js';
import { type Endpoint, formatEndpoint, sameEndpoint } from '../../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../../wire/key.js';
import type { SoughtPeer } from '../finder.js';
import {
  ATTEMPTS_PER_TURN,
  CHECK_PATIENCE_MS,
  CHECK_ROOM_MS,
  MAX_MISSING_AT_CHECK,
  MIN_SPACING_MS,
  REFRESH_INTERVAL_MS,
} from '../timing.js';
import { Inquiry } from './inquiry.js';
import { SelfCheck } from './self-check.js';

/** A request to send: it registers `mine` and asks for `theirs`. */
export interface Request {
  readonly mine: PublicKey;
  readonly theirs: PublicKey;
}

/**
 * Which peer to ask the server about when, and to which one a reply is credited.
 * Pure: it does no I/O and takes the time, in milliseconds of one monotonic clock.
 */
export class RequestSchedule {
  readonly #peers: ReadonlyMap<string, SoughtPeer>;
  readonly #refreshMs: number;
  readonly #inquiry = new Inquiry();
  readonly #check = new SelfCheck();
  #mine: PublicKey | undefined;
  /** The same in base64. */
  #ownKey: string | undefined;
  #attempts = 0;
  #lastSentAt = Number.NEGATIVE_INFINITY;
  /** Until when nothing is sent, after a send that failed. */
  #heldUntil = Number.NEGATIVE_INFINITY;
  #refreshAt = Number.NEGATIVE_INFINITY;
  /** Where the round of refreshes stands, so that each peer's answer is renewed in turn. */
  #turn = 0;

  /** @param refreshMs between the last request and one that only keeps the registration */
  constructor(peers: ReadonlyMap<string, SoughtPeer>, refreshMs = REFRESH_INTERVAL_MS) {
    this.#peers = peers;
    this.#refreshMs = refreshMs;
  }

  /** Takes the interface's own key; with another one everything starts anew. */
  useKey(mine: PublicKey | undefined): void {
    const key = mine && formatPublicKey(mine);
    if (key === undefined || key !== this.#ownKey) {
      this.#mine = mine;
      this.#ownKey = key;
      this.channelChanged();
    }
  }

  /** A reply arrived on the socket. */
  replied(answer: ClassicAnswer, now: number): void {
    const text = answer === 'unknown' ? answer : formatEndpoint(answer);
    const credited = this.#inquiry.replied(text, this.#isAnswerOfOther(answer), now);
    this.#attempts = 0;
    if (credited === undefined) {
      return;
    }
    if (credited === this.#ownKey) {
      this.#check.answered(answer, now);
    } else {
      this.#peers.get(credited)?.answered(answer === 'unknown' ? answer : [answer]);
    }
  }

  /** The request to send now, if any; it counts as sent. */
  next(now: number): Request | undefined {
    if (this.#inquiry.timedOut(now)) {
      this.#attempts += 1;
      if (this.#inquiry.peer === this.#ownKey) {
        // It may have stood for a refresh, and is not repeated itself.
        this.#refreshSoon();
      }
    }
    if (now < this.#sendableAt() || this.#mine === undefined) {
      return undefined;
    }
    if (this.#isCheckDue(now) || (this.#repeats() && this.#inquiry.peer === this.#ownKey)) {
      return this.#lookUpSelf(this.#mine, now);
    }
    const key = this.#choose(now);
    const peer = key === undefined ? undefined : this.#peers.get(key);
    if (key === undefined || peer === undefined) {
      return undefined;
    }
    if (key !== this.#inquiry.peer || this.#attempts >= ATTEMPTS_PER_TURN) {
      this.#attempts = 0;
    }
    this.#inquiry.sent(key, now);
    this.#check.requestSent(now);
    this.#sentAt(now);
    peer.asked(now);
    return { mine: this.#mine, theirs: peer.publicKey };
  }

  /** When there is something to decide next, if nothing happens before. */
  nextAt(now: number): number {
    if (this.#peers.size === 0) {
      return Number.POSITIVE_INFINITY;
    }
    const due = this.#nextAskAt(now);
    const again = this.#repeats() ? now : this.#inquiry.deadline;
    const check = this.#hasRoomForCheck(now, due) ? this.#check.dueAt : Number.POSITIVE_INFINITY;
    const wanted = Math.min(this.#refreshAt, again ?? Number.POSITIVE_INFINITY, due, check);
    return Math.max(wanted, this.#sendableAt());
  }

  /** Requests in a row that got no reply in time. */
  get silentRequests(): number {
    return this.#inquiry.silent;
  }

  /** The last measured round trip to the server in milliseconds. */
  get roundTripMs(): number | undefined {
    return this.#inquiry.roundTripMs;
  }

  /** Where the server sees this host; undefined as long as that is not known. */
  get observed(): Endpoint | undefined {
    return this.#check.observed;
  }

  /** The server answers, and does not keep this host: no peer can find it. */
  get isNotKept(): boolean {
    return this.#check.isNotKept;
  }

  /** Registers anew as soon as possible: an address of this host changed. */
  refreshNow(): void {
    this.#check.renew();
    this.#refreshSoon();
  }

  /** The socket is another one: replies to what was sent before cannot arrive any more. */
  channelChanged(): void {
    this.#check.reset();
    this.#restart();
  }

  /** The last request did not leave this host: it does not count as lost, and is made again at `retryAt`. */
  sendFailed(retryAt: number): void {
    this.#restart();
    this.#heldUntil = retryAt;
  }

  #restart(): void {
    this.#inquiry.reset();
    this.#attempts = 0;
    this.#refreshSoon();
  }

  #refreshSoon(): void {
    this.#refreshAt = Number.NEGATIVE_INFINITY;
  }

  #sentAt(now: number): void {
    this.#lastSentAt = now;
    this.#refreshAt = now + this.#refreshMs;
  }

  /** Asks for this host itself: its registration is refreshed by that, too. */
  #lookUpSelf(mine: PublicKey, now: number): Request {
    this.#attempts = 0;
    this.#inquiry.sent(formatPublicKey(mine), now);
    this.#check.sent(now);
    this.#sentAt(now);
    return { mine, theirs: mine };
  }

  #isCheckDue(now: number): boolean {
    const { dueAt } = this.#check;
    return (
      now >= dueAt &&
      this.#peers.size > 0 &&
      !this.#repeats() &&
      this.#hasRoomForCheck(now, this.#nextAskAt(now))
    );
  }

  /**
   * Whether a lookup of this host itself delays no peer. It waits until no reply is missing, for a while: then
   * its first reply counts, and so does the next one about a peer. Where all peers are connected it takes
   * the place of a refresh.
   * @param nextAskAt when the next peer is due
   */
  #hasRoomForCheck(now: number, nextAskAt: number): boolean {
    const missing = this.#inquiry.missing(now);
    const isOverdue = now >= this.#check.dueAt + CHECK_PATIENCE_MS;
    if (missing > (isOverdue ? MAX_MISSING_AT_CHECK : 0)) {
      return false;
    }
    const roomMs = Math.max(CHECK_ROOM_MS, 2 * (1 + missing) * (this.roundTripMs ?? 0));
    return nextAskAt === Number.POSITIVE_INFINITY
      ? now >= this.#refreshAt
      : nextAskAt >= Math.max(now, this.#check.dueAt) + roomMs;
  }

  /** When a peer that is not connected is due; Infinity if there is none. */
  #nextAskAt(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const peer of this.#peers.values()) {
      if (!peer.isAlive(now)) {
        next = Math.min(next, peer.askAt);
      }
    }
    return next;
  }

  /** One request is in flight at a time, and requests about the same peer keep their distance. */
  #sendableAt(): number {
    const spacedAt = this.#repeats() ? this.#lastSentAt + MIN_SPACING_MS : 0;
    return Math.max(this.#inquiry.deadline ?? 0, spacedAt, this.#heldUntil);
  }

  /** Whether to ask about the last peer again: no reply in time, or none that can be credited. */
  #repeats(): boolean {
    const { peer, undecided } = this.#inquiry;
    if (peer === this.#ownKey) {
      // A lost lookup of this host itself must not keep peers waiting.
      return undecided && this.#attempts === 0;
    }
    const wanted = undecided || this.#attempts > 0;
    return (
      wanted && this.#attempts < ATTEMPTS_PER_TURN && peer !== undefined && this.#peers.has(peer)
    );
  }

  #choose(now: number): string | undefined {
    const current = this.#inquiry.peer;
    if (this.#repeats()) {
      return current;
    }
    const next = this.#dueForAnswer(now) ?? this.#dueForRefresh(now);
    return next === undefined || this.#inquiry.canAsk(next, now) ? next : current;
  }

  #dueForAnswer(now: number): string | undefined {
    const due = [...this.#peers].filter(([, peer]) => !peer.isAlive(now) && peer.askAt <= now);
    return due.sort(([, a], [, b]) => a.askAt - b.askAt)[0]?.[0];
  }

  #dueForRefresh(now: number): string | undefined {
    if (now < this.#refreshAt || this.#peers.size === 0) {
      return undefined;
    }
    this.#turn = (this.#turn + 1) % this.#peers.size;
    return [...this.#peers.keys()][this.#turn];
  }

  #isAnswerOfOther(answer: ClassicAnswer): boolean {
    return (
      answer !== 'unknown' &&
      ((this.#inquiry.peer !== this.#ownKey && sameEndpoint(this.observed, answer)) ||
        [...this.#peers].some(
          ([key, peer]) =>
            key !== this.#inquiry.peer &&
            peer.answer !== 'unknown' &&
            sameEndpoint(peer.answer?.[0], answer),
        ))
    );
  }
}
