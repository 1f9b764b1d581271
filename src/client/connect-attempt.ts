import { type Endpoint, sameEndpoint } from '../wire/endpoint.js';
import type { Intent } from '../wire/probe.js';
import type { Peer } from '../wireguard/device.js';
import { type CheckList, isOurRelay, type Request } from './paths/check-list.js';
import type { RemoteCandidate } from './paths/remote-candidate.js';
import { CONNECTING_MS, DEFAULT_ROUND_TRIP_MS, MAX_ROUND_TRIP_MS } from './timing.js';

/** Limits of the time in which the other side may start the handshake: 2 round trips and MARGIN_MS. */
const MARGIN_MS = 150;
const MAX_PATIENCE_MS = 1500;
/** The longest time for which a side promises to wait. It covers round trips of 600 ms with jitter. */
const MAX_PROMISE_MS = 1100;
/** A side that leads starts without a probe of the other after this long at the least. */
const MIN_LEAD_PATIENCE_MS = 600;

/** A handshake without result is started again after a round trip and MARGIN_MS, then twice as long. */
const MAX_RETRY_AFTER_MS = 4000;
/** A side that started although it does not lead waits this many times longer: no two retries cross. */
const FOLLOWER_RETRY_FACTOR = 3;

/** After the other side has started a handshake, this side waits while WireGuard there may repeat the initiation. */
const COMMITTED_PATIENCE_MS = 6000;

/** A side without an answer to its checks asks for a relay after this long. */
const RELAY_AFTER_MS = 1000;

/** A peer's endpoint is set no more often than this, whatever servers and peers send. */
const START_SPACING_MS = 1000;

/** WireGuard's REKEY_TIMEOUT: the side whose message arrived sends none of its own in this time. */
const REKEY_TIMEOUT_MS = 5000;
/**
 * The other side's handshakes are left alone for so long, two messages without a session: then its packets arrive
 * here and ours not there, and this side looks for another way, at the least for CONNECTING_MS.
 */
const MAX_HOLD_MS = 2 * REKEY_TIMEOUT_MS;

/**
 * Two starts need not wait for START_SPACING_MS, each once in this time: the one as soon as both sides know each
 * other, before anything shows that the other NAT is open, and the one by the relay.
 */
const UNSPACED_START_SPACING_MS = 10_000;
/** The same list of candidates is looked at again after this long: some of what the checks found by themselves ends. */
const REPEAT_AIM_MS = 1000;
/** The first probe of the other side arrives in half a round trip, or this much later. */
const HEARD_MARGIN_MS = 30;
/** WireGuard's response may take this much longer than a round trip. */
const RESPONSE_MARGIN_MS = 60;

/**
 * When the other side learns of this one: `together`, at the same moment by the same server; `before`, as the
 * server did not know it earlier, and knew this side when it came; undefined where nothing is known of that.
 */
export type OtherLearns = 'together' | 'before' | undefined;

/**
 * Whether a handshake starts only where the other side is heard: `always`, as the candidates are old; `first`, for
 * CONNECTING_MS, as a search for a way through the NATs may end with one; undefined: it need not be heard.
 */
export type EvidenceNeeded = 'always' | 'first' | undefined;

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
 * side starts the handshake: the one with the greater public key leads, the other waits. Probes tell each
 * side that the other is there and that both NATs are open. The waiting side commits itself only after a
 * time without result, and promises in its probes not to do so for a round trip, so that a side which
 * starts on the evidence of such a probe never crosses another initiation.
 *
 * Where a server tells both sides at the same time, the leading side starts at once, half a round trip before
 * a probe can arrive. Its initiation arrives at an open NAT if the other side's first probe left before, and
 * so arrives here within a round trip after the start. Where it comes later, the initiation was lost, and the
 * peer is replaced: WireGuard sends another one at once.
 *
 * Pure: times are milliseconds of one monotonic clock.
 */
export class ConnectAttempt {
  /** Whether this side leads: its public key is the greater one. */
  readonly #leads: boolean;
  readonly #estimate: () => number | undefined;
  readonly #openerTtl: () => number | undefined;
  readonly #checks: CheckList;
  /** What the attempt was aimed at last, and when. */
  #candidates: readonly RemoteCandidate[] = [];
  #aimedAt = Number.NEGATIVE_INFINITY;
  /** The endpoints that the server, or whatever else was asked, named; empty while there is no attempt. */
  #observed: readonly Endpoint[] = [];
  /** Where the peer is reached by a relay: the evidence that both sides can, where no check says so. */
  #relay: Endpoint | undefined;
  /** The side that does not lead leaves the start by the relay to the other side until then. */
  #relayHoldUntil = Number.NEGATIVE_INFINITY;
  /** When the attempt began. */
  #begunAt = Number.POSITIVE_INFINITY;
  /** Whether the other side learns of this one at the same moment. */
  #isSimultaneous = false;
  #needsEvidence: EvidenceNeeded;
  /** Whether the other side knew this one before: a client of ours answers the first probe that arrives. */
  #isLast = false;
  /** An early start waits this long, until the openers of both sides have left. */
  #holdMs = 0;
  /** The handshake under way was started before anything of the other side arrived. */
  #isEarly = false;
  /** The initiation of the early start found a closed NAT. */
  #isLost = false;
  #earlyStartAt = Number.NEGATIVE_INFINITY;
  #relayStartAt = Number.NEGATIVE_INFINITY;
  #round = 0;
  #roundStartedAt = 0;
  #intent: Intent = 'waiting';
  /** When this side starts the handshake unless something arrives before. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** A probe promised that this side does not start a handshake before. */
  #promisedUntil = Number.NEGATIVE_INFINITY;
  #measuredRoundTripMs: number | undefined;
  /** The endpoint that this attempt has set last. */
  #set: Endpoint | undefined;
  /** When this round started a handshake last. */
  #startedAt: number | undefined;
  /** When any was started last; WireGuard has sent an initiation since the attempt began. */
  #lastStartAt = Number.NEGATIVE_INFINITY;
  #hasSent = false;
  #retryAt = Number.POSITIVE_INFINITY;
  #retries = 0;
  /** When the other side first said, after our last start, that it starts. */
  #otherCommittedAt = Number.POSITIVE_INFINITY;
  /** Until then a start towards another endpoint is left to the other side. */
  #yieldUntil = Number.NEGATIVE_INFINITY;
  /** When this side began to leave the handshakes of the other alone, and until when it does so. */
  #heldSince = Number.NEGATIVE_INFINITY;
  #holdUntil = Number.NEGATIVE_INFINITY;
  /** When something happened last: looks at WireGuard are frequent after it. */
  #eventAt = Number.NEGATIVE_INFINITY;

  /**
   * @param leads whether this side's public key is the greater one
   * @param checks the connectivity checks towards the peer
   * @param estimate the round trip to the peer in milliseconds, as far as it is known without probes
   * @param openerTtl the TTL of openers; undefined where they are of no use
   */
  constructor(
    leads: boolean,
    checks: CheckList,
    estimate: () => number | undefined,
    openerTtl: () => number | undefined = () => undefined,
  ) {
    this.#leads = leads;
    this.#checks = checks;
    this.#estimate = estimate;
    this.#openerTtl = openerTtl;
  }

  /** Whether there is something to connect to. */
  get isActive(): boolean {
    return this.#observed.length > 0;
  }

  /** Whether this attempt has set the endpoint of the peer. */
  get hasStarted(): boolean {
    return this.#set !== undefined;
  }

  /**
   * Sets the endpoints to try, most promising first; the same ones again change nothing. Only endpoints that
   * the peer itself did not name begin a new round.
   */
  aim(
    candidates: readonly RemoteCandidate[],
    otherLearns: OtherLearns,
    now: number,
    needsEvidence?: EvidenceNeeded,
  ): void {
    this.#needsEvidence = needsEvidence;
    const isKnown = candidates === this.#candidates && now < this.#aimedAt + REPEAT_AIM_MS;
    if (this.isActive && isKnown) {
      return;
    }
    this.#candidates = candidates;
    this.#aimedAt = now;
    this.#checks.set(candidates, now);
    if (!this.isActive) {
      this.#begunAt = now;
    }
    this.#useRelay(candidates.find(isOurRelay)?.endpoint, now);
    const observed = candidates
      .filter((one) => !one.isOffered && !isOurRelay(one))
      .map(({ endpoint }) => endpoint);
    const isSame =
      this.#observed.length === observed.length &&
      this.#observed.every((one, i) => sameEndpoint(one, observed[i]));
    if (isSame) {
      return;
    }
    this.#observed = observed;
    this.#isSimultaneous = otherLearns === 'together';
    this.#isLast = otherLearns === 'before';
    if (!candidates.some(({ endpoint }) => sameEndpoint(endpoint, this.#set))) {
      this.#set = undefined;
    }
    this.#round = 0;
    this.#beginRound(now);
  }

  /** Ends the attempt: the peer is connected, or nothing is known of it any more. */
  end(): void {
    if (this.isActive) {
      this.#checks.stop();
    }
    this.#observed = [];
    this.#relay = undefined;
    this.#relayHoldUntil = Number.NEGATIVE_INFINITY;
    this.#set = undefined;
    this.#hasSent = false;
    this.#startedAt = undefined;
    this.#isEarly = false;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#heldSince = Number.NEGATIVE_INFINITY;
    this.#holdUntil = Number.NEGATIVE_INFINITY;
  }

  /** The endpoint that was set is not, or not any more: the change failed, or the peer was made anew. */
  undone(): void {
    this.#set = undefined;
    this.#hasSent = false;
    this.#startedAt = undefined;
    this.#retryAt = Number.POSITIVE_INFINITY;
  }

  /** The change that start() decided has been made, which may have taken a while: WireGuard has sent just now. */
  made(now: number): void {
    if (this.#startedAt !== undefined) {
      this.#startedAt = now;
      this.#isLost = false;
      this.#scheduleRetry(now, now);
      if (this.#otherCommittedAt < now) {
        this.#leaveToOther(now);
      }
    }
  }

  /** A handshake message of the other side arrived: the rest is up to the two WireGuards, for MAX_HOLD_MS. */
  hold(now: number): void {
    this.#eventAt = now;
    if (now >= this.#heldSince + MAX_HOLD_MS + CONNECTING_MS) {
      this.#heldSince = now;
    }
    this.#holdUntil = Math.min(now + REKEY_TIMEOUT_MS, this.#heldSince + MAX_HOLD_MS);
  }

  /**
   * A probe of the other side arrived, and the checks took it in.
   * @param roundTripMs what its response measured; undefined with a request
   */
  heard(intent: Intent, roundTripMs: number | undefined, now: number): void {
    if (!this.isActive) {
      return;
    }
    this.#advance(now);
    this.#measuredRoundTripMs = roundTripMs ?? this.#measuredRoundTripMs;
    this.#eventAt = now;
    if (this.#startedAt === undefined) {
      this.#follow(intent, now);
      return;
    }
    if (this.#isEarly) {
      this.#judgeEarlyStart(this.#startedAt, now);
    } else if (!this.#isLost) {
      this.#scheduleRetry(this.#startedAt, now);
    }
    if (intent === 'committed') {
      // Our initiation was lost, and the other side starts now: a retry would cross its initiation. Where that does
      // not come, the other side is busy and has not heard us yet.
      this.#leaveToOther(Math.min(this.#otherCommittedAt, now));
      // So would a start towards where it was heard first, where both sides have started in vain elsewhere.
      this.#yieldUntil = this.#leads ? this.#yieldUntil : now + MAX_PATIENCE_MS;
    } else if (this.#isLost && this.#otherCommittedAt < Number.POSITIVE_INFINITY) {
      // It has heard us, and waits again: it promises not to start.
      this.#otherCommittedAt = Number.POSITIVE_INFINITY;
      this.#retryAt = Math.max(now, this.#answeredBy(this.#startedAt));
    }
  }

  /** The requests to send now; they count as sent. */
  requests(now: number): Request[] {
    this.#advance(now);
    return now < this.#holdUntil ? [] : this.#checks.due(now);
  }

  /** What a probe that leaves now says of this side: `waiting` is a promise. */
  announce(now: number): Intent {
    if (this.#intent === 'waiting') {
      this.#promisedUntil = now + this.#promiseMs;
    }
    return this.#intent;
  }

  /**
   * Whether no path has answered for so long that a relay is wanted.
   * @param isHopeless whether none can, by what is known of the NATs
   */
  needsRelay(isHopeless: boolean, now: number): boolean {
    const wantedAt = this.#begunAt + (isHopeless ? 0 : RELAY_AFTER_MS);
    return this.isActive && now >= wantedAt && !this.#checks.best;
  }

  /**
   * Until then the attempt may succeed without help: the first probe of the other side may still come, or came, and
   * the handshake follows. NegativeInfinity without an attempt.
   */
  get expectedBy(): number {
    if (!this.isActive) {
      return Number.NEGATIVE_INFINITY;
    }
    const heardWithin = this.#roundTripMs / 2 + HEARD_MARGIN_MS;
    const isHeard = this.#checks.best !== undefined;
    return this.#begunAt + (isHeard ? MAX_PATIENCE_MS : Math.min(heardWithin, MAX_PATIENCE_MS));
  }

  /** Whether a handshake is to be started now, as far as can be said without a look at WireGuard. */
  isDue(now: number): boolean {
    this.#advance(now);
    return this.isActive && now >= this.#startAt(now);
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
      if (now < this.#holdUntil) {
        return undefined;
      }
    }
    const evidence = this.#evidence;
    const endpoint = evidence ?? this.#fallback();
    if (endpoint === undefined) {
      return undefined;
    }
    const isNew = peer.latestHandshakeMs === 0 && peer.receivedBytes === 0;
    const isEarly = this.#isSimultaneous && evidence === undefined;
    if (isEarly && !(mayReplace && isNew)) {
      this.#isSimultaneous = false;
      this.#dueAt = this.#roundStartedAt + this.#leadPatienceMs;
      return undefined;
    }
    const isRetry = this.#startedAt !== undefined && sameEndpoint(endpoint, this.#set);
    const isWindowSpent = this.#hasSent || peer.persistentKeepalive > 0;
    const replace = mayReplace && isNew && isWindowSpent;
    if (isRetry && !replace) {
      this.#retryAt = Number.POSITIVE_INFINITY;
      return undefined;
    }
    this.#intent = 'committed';
    this.#retries = sameEndpoint(endpoint, this.#set) ? this.#retries + 1 : 1;
    this.#set = endpoint;
    this.#startedAt = now;
    this.#otherCommittedAt = Number.POSITIVE_INFINITY;
    this.#isEarly = isEarly;
    this.#isLost = false;
    this.#isSimultaneous = false;
    if (isEarly) {
      this.#earlyStartAt = now;
    } else {
      this.#lastStartAt = now;
    }
    if (sameEndpoint(endpoint, this.#relay)) {
      this.#relayStartAt = now;
    }
    this.#hasSent = true;
    this.#eventAt = now;
    this.#scheduleRetry(now, now);
    return { endpoint, replace };
  }

  /** A request that says that this side starts a handshake, before WireGuard does; it counts as sent. */
  announcement(now: number): Request | undefined {
    return this.#set && this.#checks.announce(this.#set, now);
  }

  /** When there is something to send or to decide, if nothing happens before. */
  nextAt(now: number): number {
    if (!this.isActive) {
      return Number.POSITIVE_INFINITY;
    }
    const decides = this.#intent === 'waiting' ? this.#commitAt : this.#startAt(now);
    const next = Math.min(this.#checks.nextAt(now), decides, this.#roundStartedAt + CONNECTING_MS);
    return Math.max(next, this.#holdUntil);
  }

  /** Milliseconds since something happened: the fewer, the sooner WireGuard is worth another look. */
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
    this.#yieldUntil = Number.NEGATIVE_INFINITY;
    this.#isEarly = false;
    const isFirst = this.#round === 1;
    this.#checks.begin(
      isFirst,
      now,
      isFirst && this.#isSimultaneous ? this.#openerTtl() : undefined,
    );
    const fallback = this.#fallback();
    this.#holdMs = fallback ? Math.max(this.#checks.heldUntil(fallback, now) - now, 0) : 0;
    const mayStartEarly =
      this.#isSimultaneous &&
      this.#leads &&
      isFirst &&
      now >= this.#earlyStartAt + UNSPACED_START_SPACING_MS;
    this.#isSimultaneous = mayStartEarly;
    const patience = this.#leads ? this.#leadPatienceMs : this.#followPatienceMs;
    this.#dueAt = mayStartEarly ? now + this.#holdMs : now + patience;
    this.#eventAt = now;
  }

  /** How long a side that leads waits for a probe of the other. */
  get #leadPatienceMs(): number {
    const patience = Math.min(2 * this.#roundTripMs + MARGIN_MS, MAX_PATIENCE_MS);
    return this.#isLast ? patience : Math.max(MIN_LEAD_PATIENCE_MS, patience);
  }

  /** How long a side that does not lead waits for a probe of the other. */
  get #followPatienceMs(): number {
    return this.#isLast
      ? Math.min(2 * this.#presumedRoundTripMs + MARGIN_MS, MAX_PATIENCE_MS)
      : MAX_PATIENCE_MS;
  }

  /** Where the peer is far and the server near, the estimate is too short to make a promise by. */
  get #presumedRoundTripMs(): number {
    return Math.max(this.#roundTripMs, DEFAULT_ROUND_TRIP_MS);
  }

  /** Lets time pass: the next round begins, the waiting side commits itself. */
  #advance(now: number): void {
    if (!this.isActive) {
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

  /** When the waiting side commits itself: from then on its probes promise nothing. */
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
    const isHeldBack =
      this.#needsEvidence === 'always' || (this.#needsEvidence === 'first' && this.#round === 1);
    if (isHeldBack && this.#evidence === undefined) {
      return Number.POSITIVE_INFINITY;
    }
    const soonest = Math.max(this.#spacedUntil(now), this.#relayHold);
    const spaced = (at: number): number => Math.max(at, soonest);
    if (this.#startedAt !== undefined) {
      return this.#isElsewhere
        ? Math.max(
            spaced(Math.min(this.#answeredBy(this.#startedAt), this.#retryAt)),
            this.#yieldUntil,
          )
        : this.#retryAt;
    }
    return this.#intent === 'waiting' ? Number.POSITIVE_INFINITY : spaced(this.#dueAt);
  }

  /** The first start by the relay is as soon as that is there: the one before it went nowhere. */
  #spacedUntil(now: number): number {
    const isByRelay = this.#relay !== undefined && this.#checks.best === undefined;
    return isByRelay && now >= this.#relayStartAt + UNSPACED_START_SPACING_MS
      ? Number.NEGATIVE_INFINITY
      : this.#lastStartAt + START_SPACING_MS;
  }

  /** The other side said that it starts: this side starts none again before that has had its time. */
  #leaveToOther(since: number): void {
    this.#otherCommittedAt = since;
    this.#retryAt = Math.max(this.#retryAt, since + MAX_PATIENCE_MS);
  }

  /** The peer is heard, and not where the handshake under way went. */
  get #isElsewhere(): boolean {
    const best = this.#evidence;
    return best !== undefined && !sameEndpoint(best, this.#set) && !this.#checks.isHeard(this.#set);
  }

  /** Where the other side is known to be reached: by a path that was heard, or else by the relay. */
  get #evidence(): Endpoint | undefined {
    return this.#checks.best?.endpoint ?? this.#relay;
  }

  get #relayHold(): number {
    return this.#checks.best === undefined ? this.#relayHoldUntil : Number.NEGATIVE_INFINITY;
  }

  /** Both sides are bound to a relay port: the side that leads starts the handshake by it. */
  #useRelay(relay: Endpoint | undefined, now: number): void {
    if (sameEndpoint(relay, this.#relay)) {
      return;
    }
    this.#relay = relay;
    if (relay === undefined || this.#checks.best !== undefined) {
      return;
    }
    this.#eventAt = now;
    if (this.#leads) {
      this.#dueAt = Math.min(this.#dueAt, now);
    } else {
      this.#relayHoldUntil = now + MAX_PATIENCE_MS;
      this.#dueAt = Math.max(this.#dueAt, this.#relayHoldUntil);
    }
  }

  /** When WireGuard's response to an initiation must have arrived. */
  #answeredBy(startedAt: number): number {
    return startedAt + 1.25 * this.#roundTripMs + RESPONSE_MARGIN_MS;
  }

  /** The first probe after an early start arrived: it says whether the initiation found an open NAT. */
  #judgeEarlyStart(startedAt: number, now: number): void {
    this.#isEarly = false;
    this.#retries = 1;
    this.#isLost = now > startedAt + this.#holdMs + this.#roundTripMs;
    if (this.#isLost) {
      this.#retryAt = Math.max(now, this.#answeredBy(startedAt));
    } else {
      this.#scheduleRetry(startedAt, now);
    }
  }

  /** Schedules another start of a handshake without result, if probes of the other side arrive. */
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

  /** The endpoint of this round where nothing arrived. */
  #fallback(): Endpoint | undefined {
    return this.#observed[(this.#round - 1) % this.#observed.length];
  }

  get #roundTripMs(): number {
    return Math.min(
      this.#measuredRoundTripMs ?? this.#estimate() ?? DEFAULT_ROUND_TRIP_MS,
      MAX_ROUND_TRIP_MS,
    );
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

  /** How long a probe that says `waiting` keeps this side from starting: more than a round trip. */
  get #promiseMs(): number {
    const presumed = this.#isLast ? this.#presumedRoundTripMs : Number.POSITIVE_INFINITY;
    const roundTripMs = this.#measuredRoundTripMs ?? presumed;
    return Math.min(1.5 * roundTripMs + MARGIN_MS, MAX_PROMISE_MS);
  }
}
