import type { ClassicAnswer } from '../../wire/classic.js';
import { formatEndpoint, sameEndpoint } from '../../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../../wire/key.js';
import type { SoughtPeer } from '../finder.js';
import { ATTEMPTS_PER_TURN, MIN_SPACING_MS, REFRESH_INTERVAL_MS } from '../timing.js';
import { Inquiry } from './inquiry.js';

/** A request to send: it registers `mine` and asks for `theirs`. */
export interface Request {
  readonly mine: PublicKey;
  readonly theirs: PublicKey;
}

/**
 * Which peer to ask the server about when, and to which one a reply is credited.
 * Pure: it does no I/O and is handed the time, in milliseconds of one monotonic clock.
 */
export class RequestSchedule {
  readonly #peers: ReadonlyMap<string, SoughtPeer>;
  readonly #refreshMs: number;
  readonly #inquiry = new Inquiry();
  #mine: PublicKey | undefined;
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
    const before = this.#mine && formatPublicKey(this.#mine);
    if (mine === undefined || formatPublicKey(mine) !== before) {
      this.#mine = mine;
      this.channelChanged();
    }
  }

  /** A reply arrived on the socket. */
  replied(answer: ClassicAnswer, now: number): void {
    const text = answer === 'unknown' ? answer : formatEndpoint(answer);
    const credited = this.#inquiry.replied(text, this.#isAnswerOfOther(answer), now);
    this.#attempts = 0;
    const peer = credited === undefined ? undefined : this.#peers.get(credited);
    peer?.answered(answer === 'unknown' ? answer : [answer]);
  }

  /** The request to send now, if any; it counts as sent. */
  next(now: number): Request | undefined {
    if (this.#inquiry.timedOut(now)) {
      this.#attempts += 1;
    }
    const key = now < this.#sendableAt() ? undefined : this.#choose(now);
    const peer = key === undefined ? undefined : this.#peers.get(key);
    if (key === undefined || peer === undefined || this.#mine === undefined) {
      return undefined;
    }
    if (key !== this.#inquiry.peer || this.#attempts >= ATTEMPTS_PER_TURN) {
      this.#attempts = 0;
    }
    this.#inquiry.sent(key, now);
    this.#lastSentAt = now;
    this.#refreshAt = now + this.#refreshMs;
    peer.asked(now);
    return { mine: this.#mine, theirs: peer.publicKey };
  }

  /** When there is something to decide next, if nothing happens before. */
  nextAt(now: number): number {
    if (this.#peers.size === 0) {
      return Number.POSITIVE_INFINITY;
    }
    const due = [...this.#peers.values()]
      .filter((peer) => !peer.isAlive(now))
      .map((peer) => peer.askAt);
    const again = this.#repeats() ? now : this.#inquiry.deadline;
    const wanted = Math.min(this.#refreshAt, again ?? Number.POSITIVE_INFINITY, ...due);
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

  /** Registers anew as soon as possible: an address of this host changed. */
  refreshNow(): void {
    this.#refreshAt = Number.NEGATIVE_INFINITY;
  }

  /** The socket is another one: replies to what was sent before cannot arrive any more. */
  channelChanged(): void {
    this.#inquiry.reset();
    this.#attempts = 0;
    this.refreshNow();
  }

  /** The last request did not leave this host: it is no lost one, and is made again at `retryAt`. */
  sendFailed(retryAt: number): void {
    this.channelChanged();
    this.#heldUntil = retryAt;
  }

  /** One request is in flight at a time, and requests about the same peer keep their distance. */
  #sendableAt(): number {
    const spacedAt = this.#repeats() ? this.#lastSentAt + MIN_SPACING_MS : 0;
    return Math.max(this.#inquiry.deadline ?? 0, spacedAt, this.#heldUntil);
  }

  /** Whether the peer asked last is to be asked again: no reply in time, or none that can be credited. */
  #repeats(): boolean {
    const { peer, undecided } = this.#inquiry;
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
      [...this.#peers].some(
        ([key, peer]) =>
          key !== this.#inquiry.peer &&
          peer.answer !== 'unknown' &&
          sameEndpoint(peer.answer?.[0], answer),
      )
    );
  }
}
