import { type Endpoint, sameEndpoint } from '../wire/endpoint.js';
import { type Intent, type OpenerContent, STAMP_MODULUS } from '../wire/opener.js';
import type { Peer } from '../wireguard/device.js';
import type { Candidates } from './finder.js';
import { CONNECTING_MS, DEFAULT_ROUND_TRIP_MS, MAX_ROUND_TRIP_MS } from './timing.js';

/** Pauses between the openers of a round; the last is repeated until the round's openers are used up. */
const FIRST_ROUND_PAUSES_MS = [50, 50, 50, 100, 100, 100, 200, 200, 400, 800];
const LATER_ROUND_PAUSES_MS = [100, 500, 2000];
/** Openers of a round, replies included; each goes to MAX_TARGETS endpoints at the most. */
const FIRST_ROUND_OPENERS = 24;
const LATER_ROUND_OPENERS = 6;
export const MAX_TARGETS = 4;
/** Replies to openers are no closer together than this. */
const REPLY_SPACING_MS = 20;

/** Limits of the time in which the other side may start the handshake: 2 round trips and MARGIN_MS. */
const MARGIN_MS = 150;
const MAX_PATIENCE_MS = 1500;
/** The longest time for which a side promises to wait. It covers round trips of 600 ms with jitter. */
const MAX_PROMISE_MS = 1100;
/** A side that leads starts without an opener of the other after this long at the least. */
const MIN_LEAD_PATIENCE_MS = 600;

/** A handshake without result is started again after a round trip and MARGIN_MS, then twice as long. */
const MAX_RETRY_AFTER_MS = 4000;
/** The side that should not lead, and does, retries this many times later: no two retries cross. */
const FOLLOWER_RETRY_FACTOR = 3;

/** A side that has started a handshake is left to it while its WireGuard may still repeat the initiation. */
const COMMITTED_PATIENCE_MS = 6000;

/** A peer's endpoint is set no more often than this, whatever servers and peers send. */
const START_SPACING_MS = 1000;

/** WireGuard's REKEY_TIMEOUT: the side whose message arrived sends none of its own in this time. */
const REKEY_TIMEOUT_MS = 5000;

/** An opener to send. */
export interface OutgoingOpener extends OpenerContent {
  readonly to: Endpoint;
}

/** The start of a handshake. */
export interface Start {
  readonly endpoint: Endpoint;
  /**
   * Take the peer out and put it back in the same change: WireGuard forgets that it sent an initiation
   * already, and sends one at once. Only for a peer that never connected.
   */
  readonly replace: boolean;
}

/**
 * The attempt of two clients to connect one pair of peers.
 *
 * WireGuard keeps one handshake state for each peer: when both sides send an initiation, each arrives while
 * the other's own is under way, both fail, and neither side may send another for REKEY_TIMEOUT, 5 s. So one
 * side starts the handshake: the one with the greater public key leads, the other waits. Openers tell each
 * side that the other is there and that both NATs are open. The waiting side commits itself only after a
 * time without result, and promises in its openers not to do so for a round trip, so that a side which
 * starts on the evidence of such an opener never crosses another initiation.
 *
 * Pure: times are milliseconds of one monotonic clock.
 */
export class ConnectAttempt {
  /** Whether this side leads: its public key is the greater one. */
  readonly #leads: boolean;
  readonly #estimate: () => number | undefined;
  #candidates: Candidates | undefined;
  #round = 0;
  #roundStartedAt = 0;
  #intent: Intent = 'waiting';
  /** When this side starts the handshake unless something arrives before. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** An opener promised that this side does not start a handshake before. */
  #promisedUntil = Number.NEGATIVE_INFINITY;
  /** The endpoint from which openers of the other side arrive. */
  #evidence: Endpoint | undefined;
  /** The opener that arrived last. */
  #last: { readonly stamp: number; readonly at: number } | undefined;
  #measuredRoundTripMs: number | undefined;
  #openersLeft = 0;
  #openersSent = 0;
  #nextOpenerAt = Number.POSITIVE_INFINITY;
  #repliedAt = Number.NEGATIVE_INFINITY;
  /** The endpoint that this attempt has set last. */
  #set: Endpoint | undefined;
  /** When this round started a handshake last. */
  #startedAt: number | undefined;
  /** When any was started last; WireGuard has sent an initiation since the attempt began. */
  #lastStartAt = Number.NEGATIVE_INFINITY;
  #hasSent = false;
  #retryAt = Number.POSITIVE_INFINITY;
  #retries = 0;
  /** Until then the other side's handshake is under way. */
  #holdUntil = Number.NEGATIVE_INFINITY;
  /** When something happened last: looks at WireGuard are frequent after it. */
  #eventAt = Number.NEGATIVE_INFINITY;

  /**
   * @param leads whether this side's public key is the greater one
   * @param estimate the round trip to the peer in milliseconds, as far as it is known without openers
   */
  constructor(leads: boolean, estimate: () => number | undefined) {
    this.#leads = leads;
    this.#estimate = estimate;
  }

  /** Whether there is something to connect to. */
  get isActive(): boolean {
    return this.#candidates !== undefined;
  }

  /** The round trip to the peer in milliseconds, as its openers measured it; undefined before. */
  get measuredRoundTripMs(): number | undefined {
    return this.#measuredRoundTripMs;
  }

  /** Whether this attempt has set the endpoint of the peer. */
  get hasStarted(): boolean {
    return this.#set !== undefined;
  }

  /** Sets the endpoints to try, most promising first; the same ones again change nothing. */
  aim(candidates: Candidates, now: number): void {
    const known = this.#candidates;
    const isSame =
      known?.length === candidates.length &&
      known.every((one, i) => sameEndpoint(one, candidates[i]));
    if (isSame) {
      return;
    }
    const isOffered = candidates.some((candidate) => sameEndpoint(candidate, this.#evidence));
    this.#candidates = candidates;
    if (!isOffered) {
      this.#evidence = undefined;
    }
    if (!candidates.some((candidate) => sameEndpoint(candidate, this.#set))) {
      this.#set = undefined;
    }
    this.#round = 0;
    this.#beginRound(now);
  }

  /** Ends the attempt: the peer is connected, or nothing is known of it any more. */
  end(): void {
    this.#candidates = undefined;
    this.#evidence = undefined;
    this.#last = undefined;
    this.#set = undefined;
    this.#hasSent = false;
    this.#startedAt = undefined;
    this.#nextOpenerAt = Number.POSITIVE_INFINITY;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#holdUntil = Number.NEGATIVE_INFINITY;
  }

  /** The endpoint that was set is not, or not any more: the change failed, or the peer was made anew. */
  undone(): void {
    this.#set = undefined;
    this.#hasSent = false;
    this.#startedAt = undefined;
    this.#retryAt = Number.POSITIVE_INFINITY;
  }

  /** A handshake message of the other side arrived: the rest is up to the two WireGuards. */
  hold(now: number): void {
    this.#holdUntil = now + REKEY_TIMEOUT_MS;
    this.#eventAt = now;
  }

  /**
   * An opener of the other side arrived. It counts when it comes from a candidate, or from another port of
   * a candidate's address: a NAT with endpoint-dependent mapping (RFC 4787).
   * @returns whether it counts
   */
  heard(from: Endpoint, opener: OpenerContent, now: number): boolean {
    if (!this.#candidates?.some(({ address }) => address === from.address)) {
      return false;
    }
    this.#advance(now);
    this.#last = { stamp: opener.stamp, at: now };
    this.#measure(opener, now);
    this.#evidence = this.#preferred(from);
    this.#eventAt = now;
    if (this.#startedAt === undefined) {
      this.#follow(opener.intent, now);
    } else {
      this.#scheduleRetry(this.#startedAt, now);
      if (opener.intent === 'committed') {
        // Our initiation was lost, and the other side starts now: a retry would cross its initiation.
        this.#retryAt = Math.max(this.#retryAt, now + MAX_PATIENCE_MS);
      }
    }
    if (opener.echo === undefined && now >= this.#repliedAt + REPLY_SPACING_MS) {
      this.#repliedAt = now;
      this.#nextOpenerAt = Math.min(this.#nextOpenerAt, now);
    }
    return true;
  }

  /** The openers to send now; they count as sent. */
  openers(now: number): OutgoingOpener[] {
    this.#advance(now);
    if (now < this.#nextOpenerAt || this.#openersLeft === 0 || now < this.#holdUntil) {
      return [];
    }
    this.#openersLeft--;
    const pauses = this.#round === 1 ? FIRST_ROUND_PAUSES_MS : LATER_ROUND_PAUSES_MS;
    const pause = pauses[Math.min(this.#openersSent, pauses.length - 1)] as number;
    this.#openersSent++;
    this.#nextOpenerAt = this.#openersLeft === 0 ? Number.POSITIVE_INFINITY : now + pause;
    if (this.#intent === 'waiting') {
      this.#promisedUntil = now + this.#promiseMs;
    }
    const echo = this.#last && {
      stamp: this.#last.stamp,
      held: Math.min(Math.round(now - this.#last.at), STAMP_MODULUS - 1),
    };
    const stamp = Math.round(now) % STAMP_MODULUS;
    const content = { intent: this.#intent, stamp, ...(echo && { echo }) };
    return this.#targets().map((to) => ({ ...content, to }));
  }

  /** Whether a handshake is to be started now, as far as can be said without a look at WireGuard. */
  isDue(now: number): boolean {
    this.#advance(now);
    return this.#candidates !== undefined && now >= this.#startAt(now);
  }

  /**
   * The handshake to start now, if any; it counts as started.
   * @param peer as WireGuard has it at this moment
   * @param mayReplace whether the peer may be taken out and put back
   */
  start(peer: Peer, mayReplace: boolean, now: number): Start | undefined {
    this.#notice(peer);
    if (!this.isDue(now)) {
      return undefined;
    }
    if (this.#hasRoamed(peer)) {
      this.hold(now);
      return undefined;
    }
    const endpoint = this.#evidence ?? this.#fallback();
    if (endpoint === undefined) {
      return undefined;
    }
    const isNew = peer.latestHandshakeMs === 0 && peer.receivedBytes === 0;
    const isRetry = this.#startedAt !== undefined && sameEndpoint(endpoint, this.#set);
    const isWindowSpent = this.#hasSent || peer.persistentKeepalive > 0;
    const replace = mayReplace && isNew && isWindowSpent;
    if (isRetry && !replace) {
      this.#retryAt = Number.POSITIVE_INFINITY;
      return undefined;
    }
    this.#intent = 'committed';
    this.#set = endpoint;
    // Announces the start: an opener arrives about when the initiation does.
    this.#nextOpenerAt = Math.min(this.#nextOpenerAt, now);
    this.#startedAt = now;
    this.#lastStartAt = now;
    this.#hasSent = true;
    this.#eventAt = now;
    this.#retries++;
    this.#scheduleRetry(now, now);
    return { endpoint, replace };
  }

  /** When there is something to send or to decide, if nothing happens before. */
  nextAt(now: number): number {
    if (this.#candidates === undefined) {
      return Number.POSITIVE_INFINITY;
    }
    const openers = this.#openersLeft > 0 ? this.#nextOpenerAt : Number.POSITIVE_INFINITY;
    const decides = this.#intent === 'waiting' ? this.#commitAt : this.#startAt(now);
    const next = Math.min(openers, decides, this.#roundStartedAt + CONNECTING_MS);
    return Math.max(next, this.#holdUntil);
  }

  /** Milliseconds since something happened; WireGuard is worth a look the sooner the less. */
  quietFor(now: number): number {
    return now - this.#eventAt;
  }

  #beginRound(now: number): void {
    this.#round++;
    this.#roundStartedAt = now;
    // A WireGuard that has the endpoint repeats its initiation by itself.
    const isArmed = this.#set !== undefined;
    this.#intent = isArmed ? 'committed' : this.#leads ? 'leading' : 'waiting';
    this.#startedAt = undefined;
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#retries = 0;
    this.#openersLeft = this.#round === 1 ? FIRST_ROUND_OPENERS : LATER_ROUND_OPENERS;
    this.#openersSent = 0;
    this.#nextOpenerAt = now;
    const patience = Math.min(2 * this.#roundTripMs + MARGIN_MS, MAX_PATIENCE_MS);
    this.#dueAt = now + (this.#leads ? Math.max(MIN_LEAD_PATIENCE_MS, patience) : MAX_PATIENCE_MS);
    this.#eventAt = now;
  }

  /** Lets time pass: the next round begins, the waiting side commits itself. */
  #advance(now: number): void {
    if (this.#candidates === undefined) {
      return;
    }
    if (now >= this.#roundStartedAt + CONNECTING_MS && now >= this.#holdUntil) {
      this.#beginRound(now);
    }
    const commits = this.#intent === 'waiting' && now >= this.#commitAt;
    if (commits && now >= this.#holdUntil) {
      this.#intent = 'committed';
      this.#dueAt = Math.max(this.#dueAt, this.#promisedUntil);
    }
  }

  /** When the waiting side commits itself: from then on its openers promise nothing. */
  get #commitAt(): number {
    return this.#dueAt - this.#promiseMs;
  }

  /** What the other side intends decides what this side does, as long as it has not started. */
  #follow(intent: Intent, now: number): void {
    if (intent === 'committed' || (intent === 'leading' && !this.#leads)) {
      // The other side starts the handshake. This side waits for the result.
      this.#intent = 'waiting';
      this.#dueAt = now + (intent === 'committed' ? COMMITTED_PATIENCE_MS : this.#patienceMs);
    } else if (this.#leads) {
      this.#intent = 'leading';
      this.#dueAt = now;
    } else if (this.#intent === 'committed') {
      this.#dueAt = Math.max(now, this.#promisedUntil);
    }
  }

  /** When this side starts a handshake unless something happens before. */
  #startAt(now: number): number {
    if (now < this.#holdUntil) {
      return this.#holdUntil;
    }
    const spaced = (at: number): number => Math.max(at, this.#lastStartAt + START_SPACING_MS);
    if (this.#startedAt !== undefined) {
      const isMoved = this.#evidence !== undefined && !sameEndpoint(this.#evidence, this.#set);
      return isMoved ? spaced(now) : this.#retryAt;
    }
    return this.#intent === 'waiting' ? Number.POSITIVE_INFINITY : spaced(this.#dueAt);
  }

  /** Has a handshake without result started again, if openers of the other side arrive. */
  #scheduleRetry(startedAt: number, now: number): void {
    const factor = 2 ** (this.#retries - 1) * (this.#leads ? 1 : FOLLOWER_RETRY_FACTOR);
    const delay = (this.#roundTripMs * 1.25 + MARGIN_MS) * factor;
    const isUseful = this.#evidence !== undefined && delay <= MAX_RETRY_AFTER_MS;
    this.#retryAt = isUseful ? Math.max(now, startedAt + delay) : Number.POSITIVE_INFINITY;
  }

  /** WireGuard shows no endpoint: what was set is gone. */
  #notice({ endpoint }: Peer): void {
    if (endpoint === undefined && this.#set !== undefined) {
      this.undone();
    }
  }

  /** WireGuard moved on from what was set by itself: it heard the peer elsewhere, and that stands. */
  #hasRoamed({ endpoint }: Peer): boolean {
    return this.#set !== undefined && endpoint !== undefined && !sameEndpoint(endpoint, this.#set);
  }

  /** The candidate of this round where no opener arrived. */
  #fallback(): Endpoint | undefined {
    const candidates = this.#candidates;
    return candidates?.[(this.#round - 1) % candidates.length];
  }

  /** Of two endpoints from which openers arrive, the more promising one. */
  #preferred(from: Endpoint): Endpoint {
    const rank = (one: Endpoint) => {
      const at = this.#candidates?.findIndex((candidate) => sameEndpoint(candidate, one)) ?? -1;
      return at < 0 ? Number.POSITIVE_INFINITY : at;
    };
    const known = this.#evidence;
    return known !== undefined && rank(known) < rank(from) ? known : from;
  }

  #targets(): Endpoint[] {
    const all = [...(this.#candidates ?? []), ...(this.#evidence ? [this.#evidence] : [])];
    return all
      .filter((one, i) => all.findIndex((other) => sameEndpoint(one, other)) === i)
      .slice(-MAX_TARGETS);
  }

  #measure({ echo }: OpenerContent, now: number): void {
    if (echo !== undefined) {
      const passed = Math.round(now) - echo.stamp - echo.held;
      const roundTrip = ((passed % STAMP_MODULUS) + STAMP_MODULUS) % STAMP_MODULUS;
      this.#measuredRoundTripMs = Math.min(roundTrip, MAX_ROUND_TRIP_MS);
    }
  }

  get #roundTripMs(): number {
    return this.#measuredRoundTripMs ?? this.#estimate() ?? DEFAULT_ROUND_TRIP_MS;
  }

  /**
   * How long the other side, which was heard, has time to start and to finish. Without a measured round trip
   * it is the longest: the side that leads is there, so nothing is lost.
   */
  get #patienceMs(): number {
    const measured = this.#measuredRoundTripMs;
    return measured === undefined
      ? MAX_PATIENCE_MS
      : Math.min(2 * measured + MARGIN_MS, MAX_PATIENCE_MS) + this.#promiseMs;
  }

  /** How long an opener that says `waiting` keeps this side from starting: more than a round trip. */
  get #promiseMs(): number {
    const measured = this.#measuredRoundTripMs;
    return measured === undefined
      ? MAX_PROMISE_MS
      : Math.min(1.5 * measured + MARGIN_MS, MAX_PROMISE_MS);
  }
}
