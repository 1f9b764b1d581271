import { type Endpoint, sameEndpoint } from '../../wire/endpoint.js';
import { type CheckList, isOurRelay, type ValidPath } from './check-list.js';
import { distinct, preference, type RemoteCandidate } from './remote-candidate.js';

/** Checks of a connected peer begin no more often than this, whatever servers and peers send. */
const SERIES_SPACING_MS = 10_000;
/** The same where the path is one that others may improve on. A series takes 4 s. */
const IMPROVE_SPACING_MS = 5000;
/** The same where the path does not answer, and an endpoint is named that was not known before. */
const NEWS_SPACING_MS = 1000;
/** A path that has not answered its checks after this long does not work. */
const BROKEN_AFTER_MS = 1200;
/** The same, beside two round trips, where those are known and another path answers. */
const BROKEN_MARGIN_MS = 300;
/** A keepalive of the peer may be this late before its path is probed. */
const KEEPALIVE_MARGIN_MS = 500;
/** A path that does not answer is probed again after this long, then twice as long, up to the last. */
const MIN_ASK_PAUSE_MS = 12_000;
const MAX_ASK_PAUSE_MS = 600_000;
/** A path that answered this recently works. */
const VALID_MS = 10_000;
/** When a path that others may improve on is checked against them: after connecting, then at the last pause. */
const IMPROVE_PAUSES_MS = [0, 5000, 15_000, 60_000, 300_000];
/**
 * WireGuard went back to the worse path: the change is made again after this long, then twice as long, up to the
 * last. So long after the end of such a pause the first one follows again.
 */
const MIN_CHANGE_PAUSE_MS = 4000;
const MAX_CHANGE_PAUSE_MS = 300_000;

/** The state of a connected peer that matters to its path. */
export interface ConnectedPeer {
  readonly endpoint: Endpoint | undefined;
  /** More than keepalives was sent, and nothing came back, for a while. */
  readonly isUnanswered: boolean;
  /** When WireGuard heard the peer last; -Infinity where that is unknown. */
  readonly heardAt: number;
  /** The interval of WireGuard's keepalives in milliseconds; 0 = none. */
  readonly keepaliveMs: number;
  /** Whether this side changes to better paths; the other side follows by WireGuard's roaming. */
  readonly leads: boolean;
  /** Whether the endpoint is this host's own outside address: the path leads through its NAT and back. */
  readonly isHairpin: boolean;
}

/** What to do about the path of a connected peer. */
export interface PathDecision {
  /** WireGuard is to send there. */
  readonly endpoint?: Endpoint | undefined;
  /** The path that it leaves works, too: for another round trip the peer's packets arrive by it. */
  readonly isImprovement: boolean;
  /** The path seems broken: the server should see where this host is now. */
  readonly isSuspect: boolean;
}

const NOTHING: PathDecision = { isImprovement: false, isSuspect: false };

/**
 * Watches the path of a connected peer, and begins checks when there is a reason: the peer moved, WireGuard
 * gets no answers, or a relayed or hairpin path may give way to a better one. A path that works and is direct
 * is left alone.
 *
 * On an idle tunnel one WireGuard sends all the keepalives: each that arrives restarts the timer of the other
 * side's. So the sender hears nothing while all is well, and asks with probes along the path instead.
 *
 * Pure: times are milliseconds of one monotonic clock.
 */
export class PathMonitor {
  readonly #checks: CheckList;
  #seriesAt = Number.NEGATIVE_INFINITY;
  #isMoved = false;
  /** When checks of a path without answers began; undefined while it answers. */
  #suspectedAt: number | undefined;
  /** When checks began because the path may not work any more; undefined since others began. */
  #soughtAt: number | undefined;
  /** When a way opened that was sought because the path to this endpoint may not work; see #endDoubt. */
  #opened: { readonly at: number; readonly instead: Endpoint | undefined } | undefined;
  #improvements = 0;
  #improvedAt = Number.NEGATIVE_INFINITY;
  #connectedAt = Number.NEGATIVE_INFINITY;
  /** When a silent peer was asked last along the present path, and how often in a row in vain. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #asks = 0;
  #wasPoor = false;
  /** Changes to a better path in a row, and the soonest time of the next one. */
  #changes = 0;
  #changeAt = Number.NEGATIVE_INFINITY;

  constructor(checks: CheckList) {
    this.#checks = checks;
  }

  /** The peer is connected from now on. */
  connected(now: number): void {
    this.#isMoved = false;
    this.#suspectedAt = undefined;
    this.#soughtAt = undefined;
    this.#opened = undefined;
    this.#improvements = 0;
    this.#improvedAt = now;
    this.#connectedAt = now;
    this.#askedAt = Number.NEGATIVE_INFINITY;
    this.#asks = 0;
    this.#wasPoor = false;
    this.#changeAt = Number.NEGATIVE_INFINITY;
  }

  /** The peer has new endpoints, or this host may have moved: all paths are checked. */
  moved(): void {
    this.#isMoved = true;
    this.#improvements = 0;
  }

  /** A way to the peer opened that was closed before: it is checked at once. */
  opened(peer: ConnectedPeer, candidates: readonly RemoteCandidate[], now: number): void {
    const isInstead = this.isWithoutPath(peer, now);
    this.#begin(peer, candidates, now);
    this.#opened = isInstead ? { at: now, instead: peer.endpoint } : undefined;
  }

  /** Begins checks where there is a reason, and says what their results call for. */
  watch(peer: ConnectedPeer, candidates: readonly RemoteCandidate[], now: number): PathDecision {
    this.#ask(peer, candidates, now);
    const improves = this.#improves(peer, candidates, now);
    const isUnanswered = peer.isUnanswered || this.#isSilent(peer, now);
    const isAsked = isUnanswered && (peer.isUnanswered || this.#seriesAt < this.#askedAt);
    const isReason = this.#isMoved || isAsked || improves;
    const isNewSuspicion = isUnanswered && this.#suspectedAt === undefined;
    if (isReason && now >= this.#seriesAt + this.#spacingMs(peer)) {
      this.#soughtAt = this.#isMoved || isAsked ? now : undefined;
      this.#begin(peer, candidates, now);
      this.#suspectedAt = isUnanswered ? now : undefined;
      if (improves) {
        this.#improvements++;
        this.#improvedAt = now;
      }
    }
    if (!isUnanswered) {
      this.#suspectedAt = undefined;
    }
    this.#endDoubt(peer, now);
    this.#noticeChange(peer, now);
    const instead = this.#insteadOfBroken(peer, now);
    const better = instead === undefined ? this.#betterThan(peer, now) : undefined;
    const isSuspect = isNewSuspicion && this.#suspectedAt !== undefined;
    return instead === undefined && better === undefined && !isSuspect
      ? NOTHING
      : { endpoint: instead ?? better, isImprovement: better !== undefined, isSuspect };
  }

  /** Whether the path may not work any more, and nothing was heard by any known one in good time. */
  isWithoutPath(peer: ConnectedPeer, now: number): boolean {
    const since = this.#soughtAt;
    return (
      since !== undefined &&
      now >= since + BROKEN_AFTER_MS &&
      this.#heardAt(peer) < since &&
      this.#checks.best === undefined
    );
  }

  /** When checks are to be begun or judged, if nothing happens before. */
  nextAt(peer: ConnectedPeer, candidates: readonly RemoteCandidate[], now: number): number {
    const judged = [
      this.#isWaiting(peer) ? this.#askedAt + BROKEN_AFTER_MS : now,
      this.#doubtedAt === undefined ? now : this.#doubtedAt + this.#patience(peer, this.#doubtedAt),
      this.#soughtAt === undefined ? now : this.#soughtAt + BROKEN_AFTER_MS,
    ].filter((at) => at > now);
    const begins = this.#isMoved
      ? Math.max(now, this.#seriesAt + this.#spacingMs(peer))
      : this.#improveAt(peer, candidates);
    return Math.min(...judged, begins, Math.max(now, this.asksAt(peer, candidates)));
  }

  /**
   * When a peer that was not heard is asked whether its path works. The interface is to be read at that time:
   * WireGuard may have heard it meanwhile. Only where there is another path to change to. A relay passes on no
   * probes, and a better path is sought anyway.
   */
  asksAt(peer: ConnectedPeer, candidates: readonly RemoteCandidate[]): number {
    const { endpoint, keepaliveMs } = peer;
    const isThereOther = candidates.some((one) => !sameEndpoint(one.endpoint, endpoint));
    const isRelayed = this.#presentOf(peer, candidates)?.type === 'relayed';
    if (keepaliveMs === 0 || endpoint === undefined || !isThereOther || isRelayed) {
      return Number.POSITIVE_INFINITY;
    }
    const pause = Math.min(MIN_ASK_PAUSE_MS * 2 ** (this.#asks - 1), MAX_ASK_PAUSE_MS);
    return Math.max(
      this.#heardAt(peer) + keepaliveMs + KEEPALIVE_MARGIN_MS,
      this.#isWaiting(peer) ? this.#askedAt + pause : Number.NEGATIVE_INFINITY,
      this.#seriesAt + SERIES_SPACING_MS,
    );
  }

  /** Asks a silent peer along the present path alone, until it answers. */
  #ask(peer: ConnectedPeer, candidates: readonly RemoteCandidate[], now: number): void {
    if (this.#asks > 0 && !this.#isWaiting(peer)) {
      this.#asks = 0;
      if (this.#seriesAt < this.#askedAt) {
        this.#checks.stop();
      }
    }
    if (peer.endpoint !== undefined && now >= this.asksAt(peer, candidates)) {
      this.#askedAt = now;
      this.#asks++;
      this.#know(peer, candidates, now);
      this.#checks.beginOnly(peer.endpoint, now);
    }
  }

  /** Whether an answer of a silent peer may still come. */
  #isWaiting(peer: ConnectedPeer): boolean {
    return this.#asks > 0 && this.#heardAt(peer) < this.#askedAt;
  }

  #isSilent(peer: ConnectedPeer, now: number): boolean {
    return this.#isWaiting(peer) && (this.#asks > 1 || now >= this.#askedAt + BROKEN_AFTER_MS);
  }

  #heardAt({ endpoint, heardAt }: ConnectedPeer): number {
    return Math.max(heardAt, this.#connectedAt, this.#checks.heardAt(endpoint));
  }

  #begin(peer: ConnectedPeer, candidates: readonly RemoteCandidate[], now: number): void {
    this.#seriesAt = now;
    this.#opened = undefined;
    this.#isMoved = false;
    this.#know(peer, candidates, now);
    this.#checks.begin(true, now);
  }

  #presentOf(
    { endpoint }: ConnectedPeer,
    candidates: readonly RemoteCandidate[],
  ): RemoteCandidate | undefined {
    return candidates.find((one) => sameEndpoint(one.endpoint, endpoint));
  }

  /** Makes the candidates and the present path known to the checks. The limits of offered ones spare the latter. */
  #know(peer: ConnectedPeer, candidates: readonly RemoteCandidate[], now: number): void {
    const { endpoint } = peer;
    const { type = 'peer-reflexive' } = this.#presentOf(peer, candidates) ?? {};
    const isOurs = type === 'relayed' || endpoint === undefined;
    const present: RemoteCandidate[] = isOurs ? [] : [{ type, endpoint, isOffered: false }];
    this.#checks.set(distinct([...present, ...candidates]), now);
  }

  /** How long the present path has time to answer its checks. */
  #patience({ endpoint }: ConnectedPeer, since: number): number {
    const present = this.#checks.find(endpoint)?.roundTripMs;
    const best = this.#checks.validSince(since)?.roundTripMs;
    return present === undefined || best === undefined
      ? BROKEN_AFTER_MS
      : Math.min(BROKEN_MARGIN_MS + 2 * Math.max(present, best), BROKEN_AFTER_MS);
  }

  #spacingMs(peer: ConnectedPeer): number {
    if (this.#isMoved && this.#suspectedAt !== undefined) {
      return NEWS_SPACING_MS;
    }
    return this.#isPoor(peer) ? IMPROVE_SPACING_MS : SERIES_SPACING_MS;
  }

  /** Since when the present path has to answer checks, or gives way to one that does; undefined where it need not. */
  get #doubtedAt(): number | undefined {
    return this.#suspectedAt ?? this.#opened?.at;
  }

  /** The present path is heard, another one took its place, or the checks of when a way opened are over. */
  #endDoubt(peer: ConnectedPeer, now: number): void {
    const opened = this.#opened;
    const isOver =
      opened !== undefined &&
      (this.#heardAt(peer) >= opened.at ||
        !sameEndpoint(peer.endpoint, opened.instead) ||
        now >= opened.at + VALID_MS);
    if (isOver) {
      this.#opened = undefined;
    }
  }

  /** The endpoint of a path that works, where the present one does not. */
  #insteadOfBroken(peer: ConnectedPeer, now: number): Endpoint | undefined {
    const since = this.#doubtedAt;
    const isBroken =
      since !== undefined &&
      now >= since + this.#patience(peer, since) &&
      !this.#checks.isHeard(peer.endpoint);
    return isBroken ? other(this.#checks.validSince(since), peer) : undefined;
  }

  /**
   * The endpoint of a better path than the present one, on the side that leads: two sides that change at the
   * same time undo each other's change.
   */
  #betterThan(peer: ConnectedPeer, now: number): Endpoint | undefined {
    if (!peer.leads || !this.#isPoor(peer) || now < this.#changeAt) {
      return undefined;
    }
    const best = this.#checks.validSince(now - VALID_MS);
    return best !== undefined && preference(best.candidate) > this.#preferenceOf(peer)
      ? other(best, peer)
      : undefined;
  }

  /** WireGuard left a poor path, by our change or by itself. If it comes back, it has some time to settle. */
  #noticeChange(peer: ConnectedPeer, now: number): void {
    const isPoor = this.#isPoor(peer);
    if (this.#wasPoor && !isPoor) {
      const isCalm = now >= this.#changeAt + MAX_CHANGE_PAUSE_MS;
      this.#changes = isCalm ? 1 : this.#changes + 1;
      const pause = MIN_CHANGE_PAUSE_MS * 2 ** (this.#changes - 1);
      this.#changeAt = now + Math.min(pause, MAX_CHANGE_PAUSE_MS);
    }
    this.#wasPoor = isPoor;
  }

  #preferenceOf({ endpoint, isHairpin }: ConnectedPeer): number {
    const known = this.#checks.find(endpoint);
    return known === undefined || isHairpin ? Number(isHairpin) : preference(known);
  }

  /**
   * A path that a validated direct one replaces. What the peer itself calls a relay is none: the change is held for
   * all that arrives from there, which may be another peer's.
   */
  #isPoor({ endpoint, isHairpin }: ConnectedPeer): boolean {
    const known = this.#checks.find(endpoint);
    return isHairpin || (known !== undefined && isOurRelay(known));
  }

  #improves(peer: ConnectedPeer, candidates: readonly RemoteCandidate[], now: number): boolean {
    return now >= this.#improveAt(peer, candidates);
  }

  #improveAt(peer: ConnectedPeer, candidates: readonly RemoteCandidate[]): number {
    const poor = this.#isPoor(peer);
    const isThereBetter = candidates.some(
      (one) => !sameEndpoint(one.endpoint, peer.endpoint) && one.type !== 'relayed',
    );
    if (!poor || !isThereBetter) {
      return Number.POSITIVE_INFINITY;
    }
    const last = IMPROVE_PAUSES_MS.length - 1;
    const pause = IMPROVE_PAUSES_MS[Math.min(this.#improvements, last)] as number;
    return Math.max(this.#improvedAt + pause, this.#seriesAt + IMPROVE_SPACING_MS);
  }
}

function other(path: ValidPath | undefined, { endpoint }: ConnectedPeer): Endpoint | undefined {
  const found = path?.candidate.endpoint;
  return sameEndpoint(found, endpoint) ? undefined : found;
}
