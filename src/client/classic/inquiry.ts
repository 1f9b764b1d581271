import {
  MAX_REPLY_TIMEOUT_MS,
  MAX_UNANSWERED,
  MIN_REPLY_TIMEOUT_MS,
  REPLY_LIFETIME_MS,
} from '../timing.js';

/**
 * To which peer a reply is credited. A classic reply does not name its peer, so the client asks about one peer at a
 * time, and requests to others that never got their reply are counted: `foreign` of them may still answer.
 * A value is credited only when it was heard more often than `foreign`, for then at least one of those
 * replies was meant for the peer asked now. Where nothing is missing, that is the first reply.
 * (docs/protocol.md, "Late replies".) Pure: times are milliseconds of the caller's clock.
 */
export class Inquiry {
  #peer: string | undefined;
  /** Send times of unanswered requests for the peer asked now, and for others; oldest first. */
  #own: number[] = [];
  #foreign: number[] = [];
  /** How many foreign replies may be among the votes. */
  #suspects = 0;
  readonly #votes = new Map<string, number>();
  #deadline: number | undefined;
  #timeoutMs = MIN_REPLY_TIMEOUT_MS;
  #silent = 0;
  #roundTripMs: number | undefined;
  #shortestRoundTripMs = Number.POSITIVE_INFINITY;

  /** The last measured round trip in milliseconds. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** The peer asked now. */
  get peer(): string | undefined {
    return this.#peer;
  }

  /** Requests in a row that stayed without any reply in time. */
  get silent(): number {
    return this.#silent;
  }

  /** Replies came that could not be credited yet: the client has to ask about the same peer again. */
  get undecided(): boolean {
    return this.#votes.size > 0;
  }

  /** Requests without a reply, which may still come: a question about another peer has to allow for them. */
  missing(now: number): number {
    this.#forgetLost(now);
    return this.#own.length + this.#foreign.length;
  }

  /** When the request in flight is given up; undefined when none is. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** Whether the client can ask about a peer without losing count of missing replies. */
  canAsk(peer: string, now: number): boolean {
    this.#forgetLost(now);
    return peer === this.#peer || this.#own.length + this.#foreign.length < MAX_UNANSWERED;
  }

  /** A request for the peer was sent. */
  sent(peer: string, now: number): void {
    this.#forgetLost(now);
    if (peer !== this.#peer) {
      this.#foreign = [...this.#foreign, ...this.#own].sort((a, b) => a - b);
      this.#own = [];
      this.#peer = peer;
      this.#startRound();
    }
    this.#own = [...this.#own, now].slice(-MAX_UNANSWERED);
    this.#deadline = now + this.#timeoutMs;
  }

  /** Gives up the request in flight when its time is over; true when it was. */
  timedOut(now: number): boolean {
    if (this.#deadline === undefined || now < this.#deadline) {
      return false;
    }
    this.#deadline = undefined;
    this.#timeoutMs = Math.min(2 * this.#timeoutMs, MAX_REPLY_TIMEOUT_MS);
    this.#silent += 1;
    return true;
  }

  /**
   * A reply arrived.
   * @param value its content as text
   * @param knownOfOther the value is the last answer about another peer. It may be a duplicate of that one
   * when it arrives sooner than an answer can: networks duplicate within less than a round trip.
   * @returns the peer it is credited to; undefined when it cannot be credited, or not yet (`undecided`)
   */
  replied(value: string, knownOfOther: boolean, now: number): string | undefined {
    this.#forgetLost(now);
    if (this.#own.length + this.#foreign.length === 0) {
      return undefined;
    }
    const isTooSoon = now - (this.#own[0] ?? now) < this.#shortestRoundTripMs / 2;
    const isSuspect = knownOfOther && isTooSoon;
    if (!isSuspect) {
      this.#learnRoundTrip(now);
    }
    this.#deadline = undefined;
    this.#silent = 0;
    (this.#own.length > 0 ? this.#own : this.#foreign).shift();
    if (this.#votes.size >= MAX_UNANSWERED) {
      this.#votes.clear();
    }
    const votes = (this.#votes.get(value) ?? 0) + 1;
    this.#votes.set(value, votes);
    if (votes <= this.#suspects + (isSuspect ? 1 : 0)) {
      return undefined;
    }
    this.#startRound();
    return this.#peer;
  }

  /** Replies to requests sent so far cannot arrive any more: another server, or another port of ours. */
  reset(): void {
    this.#peer = undefined;
    this.#own = [];
    this.#foreign = [];
    this.#deadline = undefined;
    this.#timeoutMs = MIN_REPLY_TIMEOUT_MS;
    this.#shortestRoundTripMs = Number.POSITIVE_INFINITY;
    this.#silent = 0;
    this.#startRound();
  }

  #startRound(): void {
    this.#votes.clear();
    this.#suspects = this.#foreign.length;
  }

  /** Only a reply that can belong to but one request tells the round trip (Karn's algorithm). */
  #learnRoundTrip(now: number): void {
    const [sentAt, ...more] = this.#own;
    if (sentAt !== undefined && more.length === 0 && this.#foreign.length === 0) {
      this.#roundTripMs = now - sentAt;
      this.#shortestRoundTripMs = Math.min(this.#shortestRoundTripMs, this.#roundTripMs);
      const limit = Math.max(2 * this.#roundTripMs, MIN_REPLY_TIMEOUT_MS);
      this.#timeoutMs = Math.min(limit, MAX_REPLY_TIMEOUT_MS);
    }
  }

  #forgetLost(now: number): void {
    const alive = (sentAt: number) => now - sentAt < REPLY_LIFETIME_MS;
    this.#own = this.#own.filter(alive);
    this.#foreign = this.#foreign.filter(alive);
  }
}
