import { CellRate } from '../../limits/cell-rate.js';
import { type Endpoint, sameEndpoint } from '../../wire/endpoint.js';
import { MAX_CANDIDATES, preference, type RemoteCandidate } from './remote-candidate.js';

/** Pauses after the probes to a candidate; there is one probe more. */
const FIRST_PAUSES_MS = [50, 50, 50, 100, 100, 150, 250, 350, 500, 900, 1600];
/** The same for endpoints that the server observed, after a round without a result. */
const LATER_PAUSES_MS = [100, 500, 2000];
/**
 * The wait between an opener and the next probe. Where a server informs both sides at once, the packets of one
 * side arrive after the other's opener has left, give or take jitter and the time that a client takes.
 */
const OPENER_HOLD_MS = 15;
/** NATs keep a mapping for 30 s or more after the last packet: an opener is of use again after that. */
const OPENED_MS = 30_000;
/** A candidate that only the peer names gets its FIRST_PAUSES_MS.length + 1 probes once in this interval. */
const OFFERED_ROUND_MS = 60_000;
/** One that answered within this time is the peer's own, and has no such limit. */
const PROVEN_MS = 600_000;

/** Probes to all candidates of a peer: 50 a second (RFC 8445 section 14.2 paces by 20 ms or more). */
const PACE = new CellRate({ rate: 50, burst: 4 });

/**
 * Probes to endpoints that only the peer names: 192 in any minute. They may belong to a third party, and the
 * peer can keep naming new ones.
 */
const OFFERED_PACE = new CellRate({ rate: 1.6, burst: 96 });
/** The longest pause of the checks while this limit is used up. */
const OFFERED_WAIT_MS = 1000;

/** A candidate that has had its probes gets one more in reply to a request, no more often than this. */
const TRIGGER_SPACING_MS = 500;

/** The source of a probe stays a candidate for this long after the last one. */
const REFLEXIVE_LIFETIME_MS = 180_000;

/** Requests whose response may still come. */
const MAX_OUTSTANDING = 128;

/** A request to send. */
export interface Request {
  readonly to: Endpoint;
  readonly transaction: number;
  /** The TTL of an opener, which must not arrive. @default the system's */
  readonly ttl?: number;
}

/** A path that works in both directions, as far as a response within this attempt shows. */
export interface ValidPath {
  readonly candidate: RemoteCandidate;
  readonly roundTripMs: number;
}

interface Check {
  candidate: RemoteCandidate;
  pauses: readonly number[];
  /** Probes sent in this round. */
  sent: number;
  nextAt: number;
  /** When its last round began. */
  startedAt: number;
  /** When the last probe was sent. */
  sentAt: number;
  /** The TTL of the next probe if it is an opener, else undefined. */
  ttl: number | undefined;
  /** After an opener, the next probe waits until then. */
  heldUntil: number;
  /** When the last request or response of the peer arrived from there. */
  heardAt: number;
  /** When a request last triggered a probe beyond those of the round. */
  triggeredAt: number;
  roundTripMs: number | undefined;
  validAt: number;
}

/**
 * The connectivity checks towards one peer (RFC 8445 section 6): which probes to send to which of its
 * candidates, when, and what came back. Pure: times are milliseconds of one monotonic clock.
 */
export class CheckList {
  readonly #nextTransaction: () => number;
  #checks: Check[] = [];
  #roundStartedAt = Number.NEGATIVE_INFINITY;
  #isRunning = false;
  #bucket = 0;
  #offeredBucket = 0;
  readonly #outstanding = new Map<number, { readonly to: Endpoint; readonly at: number }>();

  /** @param nextTransaction returns a number greater than those of all earlier requests of this run */
  constructor(nextTransaction: () => number) {
    this.#nextTransaction = nextTransaction;
  }

  /** The candidates, most promising first. */
  get candidates(): RemoteCandidate[] {
    return this.#checks.map(({ candidate }) => candidate);
  }

  /** Replaces the candidates, MAX_CANDIDATES at the most; what is known of those that stay is kept. */
  set(candidates: readonly RemoteCandidate[], now: number): void {
    const reflexive = this.#checks.filter(
      ({ candidate, heardAt }) =>
        candidate.type === 'peer-reflexive' && heardAt > now - REFLEXIVE_LIFETIME_MS,
    );
    const checks = candidates
      .slice(0, MAX_CANDIDATES)
      .map((candidate) => this.#updated(candidate, now));
    const isNamed = ({ candidate }: Check): boolean =>
      find(checks, candidate.endpoint) !== undefined;
    const others = reflexive.filter((one) => !isNamed(one));
    this.#checks = sorted([...checks, ...others].slice(0, MAX_CANDIDATES));
  }

  /**
   * Begins a round of checks: the first one of an attempt, or a later one.
   * @param openerTtl the TTL of the first probes to where the server sees the peer; undefined for no openers
   */
  begin(isFirst: boolean, now: number, openerTtl?: number): void {
    this.#isRunning = true;
    this.#roundStartedAt = now;
    for (const check of this.#checks) {
      start(check, isFirst, now, needsOpener(check, now) ? openerTtl : undefined);
    }
  }

  /** Until when only an opener may be sent to an endpoint; `now` or earlier if it needs none. */
  heldUntil(at: Endpoint, now: number): number {
    const check = find(this.#checks, at);
    return check?.ttl === undefined ? (check?.heldUntil ?? now) : now + OPENER_HOLD_MS;
  }

  /** Begins a round of checks of one candidate alone. */
  beginOnly(at: Endpoint, now: number): void {
    for (const check of this.#checks) {
      check.nextAt = Number.POSITIVE_INFINITY;
    }
    this.#isRunning = true;
    this.#roundStartedAt = now;
    const check = find(this.#checks, at);
    if (check !== undefined) {
      start(check, true, now);
    }
  }

  /** Ends the round; responses that are under way still count. */
  stop(): void {
    this.#isRunning = false;
  }

  /**
   * One more request to a candidate, beside those of the round, which it delays where they are many; it counts as
   * sent. undefined where none can arrive, or only the peer names the candidate and has used up its limit.
   */
  announce(to: Endpoint, now: number): Request | undefined {
    const check = find(this.#checks, to);
    if (check === undefined || isOurRelay(check.candidate) || this.heldUntil(to, now) > now) {
      return undefined;
    }
    return this.#takeOffered(check.candidate, now) ? this.#request(check, now) : undefined;
  }

  /** The requests to send now; they count as sent. */
  due(now: number): Request[] {
    const requests: Request[] = [];
    // Openers first: each millisecond counts, and probes to the peer's own addresses may have used up the pace.
    const openers = this.#checks.filter(({ ttl }) => ttl !== undefined);
    const others = this.#checks.filter(({ ttl }) => ttl === undefined);
    for (const check of this.#isRunning ? [...openers, ...others] : []) {
      if (now >= check.nextAt && this.#take(check.candidate, now)) {
        requests.push(this.#send(check, now));
      }
    }
    return requests;
  }

  /** When there is a request to send; Infinity for never. */
  nextAt(now: number): number {
    if (!this.#isRunning) {
      return Number.POSITIVE_INFINITY;
    }
    const mayOffer = OFFERED_PACE.has(this.#offeredBucket, now);
    const next = Math.min(
      ...this.#checks
        .filter(({ candidate }) => mayOffer || !candidate.isOffered)
        .map(({ nextAt }) => nextAt),
      mayOffer ? Number.POSITIVE_INFINITY : now + OFFERED_WAIT_MS,
    );
    return PACE.has(this.#bucket, now) ? next : Math.max(next, this.#bucket - PACE_DEPTH_MS);
  }

  /**
   * A request of the peer arrived from there: both NATs are open. It triggers a probe back, ahead of its turn
   * (a triggered check, RFC 8445 section 7.3.1.4).
   * @returns whether the endpoint is a candidate now
   */
  requested(from: Endpoint, mayAdd: boolean, now: number): boolean {
    const check = find(this.#checks, from) ?? (mayAdd ? this.#add(from, now) : undefined);
    if (check === undefined) {
      return false;
    }
    check.heardAt = now;
    if (check.validAt < this.#roundStartedAt && mayTrigger(check, now)) {
      check.nextAt = Math.min(check.nextAt, now);
      check.ttl = undefined;
      check.heldUntil = now;
    }
    return true;
  }

  /**
   * A response arrived. It counts when it answers one of our requests and comes from where that went
   * (RFC 8445 section 7.2.5.2.1).
   * @returns the path that works now; undefined where the response does not count
   */
  responded(from: Endpoint, transaction: number, now: number): ValidPath | undefined {
    const request = this.#outstanding.get(transaction);
    const check = find(this.#checks, from);
    if (request === undefined || check === undefined || !sameEndpoint(request.to, from)) {
      return undefined;
    }
    this.#outstanding.delete(transaction);
    check.heardAt = now;
    check.validAt = now;
    check.roundTripMs = Math.min(now - request.at, check.roundTripMs ?? Number.POSITIVE_INFINITY);
    return { candidate: check.candidate, roundTripMs: check.roundTripMs };
  }

  /**
   * The best endpoint of this round from which something arrived; of equally good ones, one that answered: the many
   * sockets behind a hard NAT are all heard, and only one of them has WireGuard's port. One that is known only as the
   * source of requests must have answered, too: anyone can replay a request from elsewhere.
   */
  get best(): RemoteCandidate | undefined {
    const isValid = ({ validAt }: Check): boolean => validAt >= this.#roundStartedAt;
    const heard = this.#checks.filter(
      (check) =>
        check.heardAt >= this.#roundStartedAt && (!isStrange(check.candidate) || isValid(check)),
    );
    const [first] = heard;
    const best = first && preference(first.candidate);
    const answered = heard.find((check) => isValid(check) && preference(check.candidate) === best);
    return (answered ?? first)?.candidate;
  }

  /** The best path that answered since `since`. */
  validSince(since: number): ValidPath | undefined {
    const check = this.#checks.find(({ validAt }) => validAt >= since);
    return check && { candidate: check.candidate, roundTripMs: check.roundTripMs as number };
  }

  /** When something arrived from an endpoint last; -Infinity for never. */
  heardAt(at: Endpoint | undefined): number {
    return (at && find(this.#checks, at)?.heardAt) ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether something arrived from an endpoint in this round. */
  isHeard(at: Endpoint | undefined): boolean {
    const check = at && find(this.#checks, at);
    return check !== undefined && check.heardAt >= this.#roundStartedAt;
  }

  /** What is known of an endpoint. */
  find(
    at: Endpoint | undefined,
  ): (RemoteCandidate & { roundTripMs: number | undefined }) | undefined {
    const check = at && find(this.#checks, at);
    return check && { ...check.candidate, roundTripMs: check.roundTripMs };
  }

  #updated(candidate: RemoteCandidate, now: number): Check {
    const known = find(this.#checks, candidate.endpoint);
    if (known !== undefined) {
      known.candidate = candidate;
      return known;
    }
    const check = newCheck(candidate);
    if (this.#isRunning) {
      start(check, true, now);
    }
    return check;
  }

  #add(from: Endpoint, now: number): Check | undefined {
    if (this.#checks.length >= MAX_CANDIDATES) {
      return undefined;
    }
    const isSameHost = this.#checks.some(
      ({ candidate }) => !candidate.isOffered && candidate.endpoint.address === from.address,
    );
    const candidate = { type: 'peer-reflexive', endpoint: from, isOffered: !isSameHost } as const;
    const check = newCheck(candidate);
    if (this.#isRunning) {
      start(check, true, now);
    }
    this.#checks = sorted([...this.#checks, check]);
    return check;
  }

  /** Takes a token for a probe to a candidate. Returns whether there was one. */
  #take(candidate: RemoteCandidate, now: number): boolean {
    return PACE.has(this.#bucket, now) && this.#takeOffered(candidate, now);
  }

  /** The same where only the limit of endpoints that the peer names may refuse it. */
  #takeOffered({ isOffered }: RemoteCandidate, now: number): boolean {
    if (isOffered) {
      if (!OFFERED_PACE.has(this.#offeredBucket, now)) {
        return false;
      }
      this.#offeredBucket = OFFERED_PACE.take(this.#offeredBucket, now);
    }
    this.#bucket = PACE.take(this.#bucket, now);
    return true;
  }

  #send(check: Check, now: number): Request {
    const { ttl } = check;
    const pause = ttl === undefined ? check.pauses[check.sent] : OPENER_HOLD_MS;
    if (ttl !== undefined) {
      check.ttl = undefined;
      check.heldUntil = now + OPENER_HOLD_MS;
    }
    check.sent++;
    check.nextAt = pause === undefined ? Number.POSITIVE_INFINITY : now + pause;
    return { ...this.#request(check, now), ...(ttl !== undefined && { ttl }) };
  }

  #request(check: Check, now: number): Request {
    check.sentAt = now;
    const transaction = this.#nextTransaction();
    const to = check.candidate.endpoint;
    this.#outstanding.set(transaction, { to, at: now });
    if (this.#outstanding.size > MAX_OUTSTANDING) {
      const [oldest] = this.#outstanding.keys();
      this.#outstanding.delete(oldest as number);
    }
    return { to, transaction };
  }
}

/** How far the bucket may be ahead of the clock while it still holds a token. */
const PACE_DEPTH_MS = 20 * 3.5;

function newCheck(candidate: RemoteCandidate): Check {
  return {
    candidate,
    pauses: FIRST_PAUSES_MS,
    sent: 0,
    nextAt: Number.POSITIVE_INFINITY,
    startedAt: Number.NEGATIVE_INFINITY,
    sentAt: Number.NEGATIVE_INFINITY,
    ttl: undefined,
    heldUntil: Number.NEGATIVE_INFINITY,
    heardAt: Number.NEGATIVE_INFINITY,
    triggeredAt: Number.NEGATIVE_INFINITY,
    validAt: Number.NEGATIVE_INFINITY,
    roundTripMs: undefined,
  };
}

function start(check: Check, isFirst: boolean, now: number, openerTtl?: number): void {
  if (isOurRelay(check.candidate)) {
    return; // it passes on what WireGuard sends, and no probes
  }
  const isUnproven = check.candidate.isOffered && now >= check.validAt + PROVEN_MS;
  if (isUnproven && now < check.startedAt + OFFERED_ROUND_MS) {
    const isSpent = check.sent > check.pauses.length;
    // A round of another candidate alone may have cut its own short.
    check.nextAt = isSpent || Number.isFinite(check.nextAt) ? check.nextAt : now;
    return;
  }
  check.startedAt = now;
  check.pauses = isFirst || isUnproven ? FIRST_PAUSES_MS : LATER_PAUSES_MS;
  check.sent = 0;
  check.nextAt = Math.max(now, check.heldUntil);
  check.ttl = openerTtl;
}

/** Whether a candidate may be behind a NAT, and nothing has opened our own NAT towards it. */
function needsOpener({ candidate, sentAt, heardAt }: Check, now: number): boolean {
  const { type, endpoint } = candidate;
  return (
    type === 'server-reflexive' &&
    endpoint.family === 4 &&
    now >= Math.max(sentAt, heardAt) + OPENED_MS
  );
}

/**
 * Whether a request triggers a probe back. If the candidate has had all probes of its round, the peer's checks
 * began later than ours; an endpoint that may be a third party's waits for the next round.
 */
function mayTrigger(check: Check, now: number): boolean {
  if (Number.isFinite(check.nextAt)) {
    return true;
  }
  const isDue = !check.candidate.isOffered && now >= check.triggeredAt + TRIGGER_SPACING_MS;
  check.triggeredAt = isDue ? now : check.triggeredAt;
  return isDue;
}

/** Whether an endpoint is the relay port that the server gave us for the peer. */
export function isOurRelay({ type, isOffered }: RemoteCandidate): boolean {
  return type === 'relayed' && !isOffered;
}

function isStrange({ type, isOffered }: RemoteCandidate): boolean {
  return type === 'peer-reflexive' && isOffered;
}

function find(checks: readonly Check[], at: Endpoint): Check | undefined {
  return checks.find(({ candidate }) => sameEndpoint(candidate.endpoint, at));
}

/** By preference; equal ones keep their order. */
function sorted(checks: readonly Check[]): Check[] {
  return [...checks].sort((a, b) => preference(b.candidate) - preference(a.candidate));
}
