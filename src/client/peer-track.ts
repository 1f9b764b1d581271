import { CellRate } from '../limits/cell-rate.js';
import { type Endpoint, type Family, formatEndpoint, sameEndpoint } from '../wire/endpoint.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';
import { formatPublicKey, type PublicKey } from '../wire/key.js';
import type { PeerCandidates } from '../wire/sealed-candidates.js';
import type { Peer, PeerConfig } from '../wireguard/device.js';
import { AskTimes } from './ask-times.js';
import { ConnectAttempt, type EvidenceNeeded, type OtherLearns } from './connect-attempt.js';
import { endpointRefusal, offerRefusal, type RefusalContext } from './endpoint-refusal.js';
import type { Answer, SoughtPeer } from './finder.js';
import { Liveness } from './liveness.js';
import { CheckList, type Request } from './paths/check-list.js';
import { type HardNatPeer, hardNatRole, isHopeless } from './paths/hard-nat.js';
import {
  decodeNatBehaviour,
  NAT_BEHAVIOUR_LENGTH,
  type NatBehaviour,
} from './paths/nat-behaviour.js';
import { type ConnectedPeer, type PathDecision, PathMonitor } from './paths/path-monitor.js';
import type { IncomingProbe, OutgoingProbe } from './paths/probe-exchange.js';
import {
  distinct,
  type PathKind,
  pathKind,
  type RemoteCandidate,
} from './paths/remote-candidate.js';
import type { SwitchOver } from './paths/switch-script.js';
import {
  CHANGE_RETRY_MS,
  CONNECTING_POLL_MS,
  IDLE_POLL_MS,
  MAX_CONNECTING_POLL_MS,
} from './timing.js';

/** `asking`: no answer yet. `unknown`: the server does not know it. `connecting`: endpoint set. */
export type PeerState = 'asking' | 'unknown' | 'connecting' | 'connected';

/** A peer as shown to people. */
export interface PeerView {
  readonly publicKey: PublicKey;
  /** What the user calls it, else the first eight characters of the key. */
  readonly name: string;
  readonly endpoint: Endpoint | undefined;
  readonly state: PeerState;
  /** Milliseconds since the last handshake; undefined when there was none. */
  readonly handshakeAgeMs: number | undefined;
  readonly answer: Answer | undefined;
  /** Milliseconds for which the server has not known it; undefined while it does. */
  readonly unknownForMs: number | undefined;
  /** The peer's own addresses, as it told us. */
  readonly offers: readonly Endpoint[];
  /** The kind of path to a connected peer; undefined without one. */
  readonly path: PathKind | undefined;
  /** The round trip of its probes in milliseconds; undefined if none was measured. */
  readonly roundTripMs: number | undefined;
  /** The peer's NAT, as it told us, for the family of its endpoint; undefined if it did not. */
  readonly nat?: NatBehaviour | undefined;
  /** The outside address of a NAT without hairpinning that both hosts are behind, where no direct path answers. */
  readonly sharedNat?: string | undefined;
}

/** How peers may be changed. */
export interface ChangeOptions {
  /** Seconds for a peer that has no keepalive of its own; 0 = leave it without. */
  readonly keepalive: number;
  /** Whether a peer that never connected may be taken out and put back. */
  readonly replace: boolean;
}

/** This host's NAT, for a family. */
export interface OwnNat {
  readonly behaviour: NatBehaviour;
  /** The outside port that was seen last; 0 if none was. */
  readonly port: number;
}

/** What a peer shares with the others of its interface. */
export interface TrackContext {
  /** Whether our public key is the greater one: this side starts handshakes. */
  readonly leads: boolean;
  /** The round trip to the peer in milliseconds, as far as it is known. */
  roundTripMs(): number | undefined;
  /** The TTL of openers to the peer; undefined where they are of no use. */
  openerTtl(): number | undefined;
  /** What decides which endpoints can be a peer's. */
  refusalContext(): RefusalContext;
  /** A number for a request, unique in this run and greater each time. */
  nextTransaction(): number;
  /** Whether the peer learns of this host when this host learns of the peer. */
  readonly isSimultaneous: boolean;
  /** Whether the sender of a probe is proven by a secret that only the two hosts know. */
  readonly isSecret: boolean;
  /** What is known of this host's NAT. */
  natBehaviour(family: Family): NatBehaviour;
  /** Whether an address is this host's own on the outside of its NAT. */
  isOwnOutside(address: string): boolean;
}

/** After a change of our own address or port, keepalives leave at these times, in milliseconds. */
const NUDGES_MS = [300, 1500, 4000];
/** What can wait leaves the packets of a new connection this head start. */
const SETTLING_MS = 250;
/** Responses that wait to be sent; a peer with more requests under way repeats them. */
const MAX_RESPONSES = 16;
/** Responses to a peer; those to endpoints that are none of its candidates: a third party may be there. */
const RESPONSES = new CellRate({ rate: 50, burst: 20 });
const STRANGE_RESPONSES = new CellRate({ rate: 2, burst: 20 });
/** WireGuard gets no answers for this long: the path is checked. */
const UNANSWERED_MS = 1500;
/** How often the interface is read while answers are missing. */
const UNANSWERED_POLL_MS = 500;
/** The endpoint of a connected peer changes no more often than this. */
const CHANGE_SPACING_MS = 1000;
/** After a change from one working path to another, keepalives leave at these times: the peer follows them. */
const SWITCH_NUDGES_MS = [0, 300, 1000];

/** What is known about one peer of the interface, and what to do about it. Pure. */
export class PeerTrack implements SoughtPeer {
  readonly publicKey: PublicKey;
  readonly #liveness: Liveness;
  readonly #checks: CheckList;
  readonly #attempt: ConnectAttempt;
  readonly #monitor: PathMonitor;
  readonly #askTimes: AskTimes;
  #answer: Answer | undefined;
  #offers: PeerCandidates | undefined;
  /** Where the peer is reached by a relay, or was. */
  #relay: Endpoint | undefined;
  #responses: OutgoingProbe[] = [];
  #responseBucket = 0;
  #strangeBucket = 0;
  #isSuspect = false;
  /** What was decided for the next reading of the interface; void where that shows another endpoint. */
  #decision: PathDecision | undefined;
  /** Since when readings of the interface found the peer unknown to the server, and not connected. */
  #unknownSince: number | undefined;
  /** The answer came after the peer was last seen alive, so it may be newer than what WireGuard knows. */
  #isNews = false;
  #peer: Peer;
  /** When a reading found it connected that was not before. */
  #connectedAt = Number.NEGATIVE_INFINITY;
  /** Whether the peer was alive when the interface was read last. */
  #wasReadAlive = false;
  /** Where WireGuard sent while the peer was last alive; undefined where it never was. */
  #lastEndpoint: Endpoint | undefined;
  #changeableAt = Number.NEGATIVE_INFINITY;
  #changedWithAllowedIps = false;
  /** The change that the last reading decided has WireGuard start a handshake. */
  #isStarting = false;
  /** Ports of the peer's NAT are being probed. */
  #isSearching = false;
  /** The endpoint that such a search found. */
  #found: Endpoint | undefined;
  readonly #context: TrackContext;
  /** The endpoints of the answer that can be the peer's; undefined when there are none. */
  #candidates: readonly RemoteCandidate[] = [];
  #refusal: string | undefined;
  /** What the candidates were selected from. */
  #selected:
    | {
        readonly answer: Answer;
        readonly offers: PeerCandidates | undefined;
        readonly relay: Endpoint | undefined;
        readonly context: RefusalContext;
      }
    | undefined;
  /** The server did not know the peer before this answer: the peer came, and has known this host since. */
  #wasUnknown = false;
  #nudgesAt: readonly number[] = [];
  /**
   * WireGuard may go on sending from an address that this host has lost: wireguard-go does so until it has had no
   * answer for 15 s, unless the endpoint is set again.
   */
  #isSourceStale = false;
  /** The peer connected after a change of ours, and needs a datagram that shows our endpoint. */
  #confirms = false;

  constructor(peer: Peer, context: TrackContext, now: number) {
    this.#context = context;
    this.#checks = new CheckList(() => context.nextTransaction());
    this.#attempt = new ConnectAttempt(
      context.leads,
      this.#checks,
      () => context.roundTripMs(),
      () => context.openerTtl(),
    );
    this.#monitor = new PathMonitor(this.#checks);
    this.publicKey = peer.publicKey;
    this.#liveness = new Liveness(peer);
    this.#askTimes = new AskTimes(now);
    this.#peer = peer;
  }

  get answer(): Answer | undefined {
    return this.#answer;
  }

  get askAt(): number {
    return this.#askTimes.askAt;
  }

  answered(answer: Answer): void {
    this.#answer = answer;
    this.#isNews = true;
    this.#learned();
  }

  offered(offers: PeerCandidates | undefined): void {
    this.#offers = offers;
    this.#learned();
  }

  needsRelay(now: number): boolean {
    return this.isAlive(now)
      ? this.#isRelayed()
      : this.#seek(now) && this.#attempt.needsRelay(this.#isHopeless, now);
  }

  /**
   * Until then the peer may connect without anything being known of the NATs (see ConnectAttempt), or has connected
   * just before, and the first packets of users have the way for themselves.
   */
  connectsBy(now: number): number {
    return this.#seek(now) ? this.#attempt.expectedBy : this.#connectedAt + SETTLING_MS;
  }

  /** Whether the peer is sought, and nothing of it has arrived. */
  isSought(now: number): boolean {
    return this.#seek(now) && !this.#isHeard;
  }

  /** Whether no direct path can be: both NATs are hard, and the peer names no address beside them. */
  get #isHopeless(): boolean {
    return this.#candidates.every(({ type, endpoint, isOffered }) => {
      if (type === 'relayed') {
        return true;
      }
      const nat = peerNat(this.#offers?.nat, endpoint.family);
      if (isOffered) {
        return scopeOf(endpoint.address) !== SCOPE.global;
      }
      const isSameNat = this.#context.isOwnOutside(endpoint.address);
      return (
        !isSameNat &&
        nat !== undefined &&
        isHopeless(this.#context.natBehaviour(endpoint.family), nat)
      );
    });
  }

  relayed(endpoint: Endpoint | undefined): void {
    if (endpoint !== undefined && !sameEndpoint(endpoint, this.#relay)) {
      this.#relay = endpoint;
      this.#learned();
    } else if (endpoint === undefined && this.#relay !== undefined && !this.#isRelayed()) {
      this.#relay = undefined;
      this.#learned();
    }
  }

  /** Whether WireGuard sends to a relay port: the present one, or another one of the server. */
  #isRelayed(): boolean {
    const { endpoint } = this.#peer;
    if (endpoint === undefined) {
      return false;
    }
    if (sameEndpoint(endpoint, this.#relay)) {
      return true;
    }
    const { servers = [] } = this.#context.refusalContext();
    const isAtServer = servers.some(({ address }) => address === endpoint.address);
    const isServer = servers.some((server) => sameEndpoint(server, endpoint));
    return isAtServer && !isServer && !this.#mayBeBesideServer(endpoint);
  }

  /** Whether the peer itself may be at an address of the server: it is seen there, or no client of ours. */
  #mayBeBesideServer(at: Endpoint): boolean {
    return (
      !this.hasCandidates ||
      this.#candidates.some(
        ({ type, endpoint }) => type !== 'relayed' && sameEndpoint(endpoint, at),
      )
    );
  }

  /** The relay port that replaces the one to which WireGuard sends. */
  #movedRelay(): Endpoint | undefined {
    const isOther = this.#relay !== undefined && !sameEndpoint(this.#relay, this.#peer.endpoint);
    return isOther && this.#isRelayed() ? this.#relay : undefined;
  }

  /** Whether the peer may be there, and so may send probes. */
  get hasCandidates(): boolean {
    return this.#candidates.length > 0;
  }

  /** The peer's run, as it said itself. */
  get run(): number | undefined {
    return this.#offers?.run;
  }

  /** Whether WireGuard sends to this endpoint, and the peer does not answer there any more. */
  isLost(at: Endpoint, now: number): boolean {
    return sameEndpoint(this.#peer.endpoint, at) && !this.isAlive(now);
  }

  /** Selects the candidates anew; a connected peer at another endpoint than all of them has moved. */
  #learned(): void {
    const before = this.#candidates;
    this.#selectCandidates();
    const isNew = this.#candidates.some(
      ({ endpoint }) => !before.some((old) => sameEndpoint(old.endpoint, endpoint)),
    );
    if (isNew && (this.#isRelayed() || !this.#isAtCandidate())) {
      this.#monitor.moved();
    }
  }

  /** Why an endpoint of the answer is not used, as one line; undefined if all are. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Our own address or port changed: connected peers get keepalives, by which WireGuard follows us. */
  moved(now: number): void {
    this.#nudgesAt = NUDGES_MS.map((ms) => now + ms);
    this.#isSourceStale = true;
    // The NAT may be another one, which ends the path or lets a better one through.
    this.#monitor.moved();
  }

  asked(now: number): void {
    this.#askTimes.asked(now);
  }

  isAlive(now: number): boolean {
    return this.#liveness.isAlive(now);
  }

  /** How long a reading of the interface stays good for this peer, in milliseconds; 0 = act now. */
  pollInterval(now: number): number {
    if (!this.#seek(now)) {
      return this.isAlive(now) ? this.#connectedPollInterval(now) : IDLE_POLL_MS;
    }
    if (this.#attempt.isDue(now) && now >= this.#changeableAt) {
      return 0;
    }
    const quiet = this.#attempt.quietFor(now) / 3;
    return Math.min(Math.max(quiet, CONNECTING_POLL_MS), MAX_CONNECTING_POLL_MS);
  }

  #connectedPollInterval(now: number): number {
    const asksAt = this.#monitor.asksAt(this.#connectedPeer(now), this.#candidates);
    if (now >= asksAt || this.#hasDecision(now)) {
      return 0;
    }
    const nudge = Math.max(this.#nextNudgeAt, this.#changeableAt) - now;
    const idle = this.#liveness.isUnanswered(now, 0) ? UNANSWERED_POLL_MS : IDLE_POLL_MS;
    return Math.max(0, Math.min(nudge, idle));
  }

  /** The probes to send now; they count as sent. */
  probes(now: number): OutgoingProbe[] {
    const isSeeking = this.#seek(now);
    const requests = isSeeking ? this.#attempt.requests(now) : this.#connectedRequests(now);
    const responses = this.#responses;
    this.#responses = [];
    if (requests.length + responses.length === 0) {
      return [];
    }
    const intent = isSeeking ? this.#attempt.announce(now) : 'waiting';
    return [...responses, ...requests].map((probe) => ({ ...probe, intent }));
  }

  /** What the peer hears before the handshake that the last reading decided starts; it counts as sent. */
  announcement(now: number): OutgoingProbe | undefined {
    const request = this.#isStarting ? this.#attempt.announcement(now) : undefined;
    return request && { ...request, intent: this.#attempt.announce(now) };
  }

  #connectedRequests(now: number): Request[] {
    if (!this.isAlive(now)) {
      return [];
    }
    this.#watch(now);
    return this.#checks.due(now);
  }

  /** Watches the path; acts on it with the next reading of the interface. */
  #watch(now: number): PathDecision {
    const decision = this.#monitor.watch(this.#connectedPeer(now), this.#candidates, now);
    this.#isSuspect ||= decision.isSuspect;
    return decision;
  }

  #hasDecision(now: number): boolean {
    const isDue = this.#watch(now).endpoint !== undefined || this.#movedRelay() !== undefined;
    return isDue && now >= this.#changeableAt;
  }

  /**
   * The change from one working path to a better one that the next reading is to make, if any. It is decided
   * here: what is held has to be what is changed, whatever answers meanwhile.
   */
  switchOver(now: number): SwitchOver | undefined {
    this.#decision = undefined;
    if (!this.isAlive(now) || now < this.#changeableAt) {
      return undefined;
    }
    const decision = this.#watch(now);
    const { endpoint: to, isImprovement } = decision;
    // Whether a path is broken is judged again with the reading.
    this.#decision = to === undefined || isImprovement ? decision : undefined;
    const { endpoint: from } = this.#peer;
    if (!isImprovement || to === undefined || from === undefined) {
      return undefined;
    }
    // WireGuard may follow the change by itself, and then has sent nothing yet that shows it to the peer.
    this.#nudgesAt = SWITCH_NUDGES_MS.map((ms) => now + ms);
    return { from, to };
  }

  #connectedPeer(now: number): ConnectedPeer {
    const { endpoint } = this.#peer;
    return {
      endpoint,
      isUnanswered: this.#liveness.isUnanswered(now, UNANSWERED_MS),
      heardAt: this.#liveness.heardAt,
      keepaliveMs: this.#peer.persistentKeepalive * 1000,
      leads: this.#context.leads,
      isHairpin: endpoint !== undefined && this.#context.isOwnOutside(endpoint.address),
    };
  }

  /** Whether the path became suspect since the last call. */
  takeSuspicion(): boolean {
    const isSuspect = this.#isSuspect;
    this.#isSuspect = false;
    return isSuspect;
  }

  get #nextNudgeAt(): number {
    return this.#nudgesAt[0] ?? Number.POSITIVE_INFINITY;
  }

  #isAtCandidate(): boolean {
    return this.#candidates.some(({ endpoint }) => sameEndpoint(endpoint, this.#peer.endpoint));
  }

  /** Whether the candidates are those of this answer: each check reads all AllowedIPs. */
  #isSelected(answer: Answer, context: RefusalContext): boolean {
    const known = this.#selected;
    if (
      known?.context !== context ||
      known.offers !== this.#offers ||
      known.relay !== this.#relay
    ) {
      return false;
    }
    if (answer === 'unknown' || known.answer === 'unknown') {
      return answer === known.answer;
    }
    const before = known.answer;
    return (
      before.length === answer.length && before.every((one, i) => sameEndpoint(one, answer[i]))
    );
  }

  /** Takes the endpoints of the answer that can be the peer's. */
  #selectCandidates(): void {
    const answer = this.#answer;
    const context = this.#context.refusalContext();
    if (answer === undefined || (this.#selected && this.#isSelected(answer, context))) {
      return;
    }
    this.#wasUnknown = this.#selected?.answer === 'unknown';
    this.#selected = { answer, offers: this.#offers, relay: this.#relay, context };
    this.#refusal = undefined;
    this.#candidates = [];
    if (answer === 'unknown') {
      return;
    }
    const observed: RemoteCandidate[] = [];
    for (const endpoint of answer) {
      const reason = endpointRefusal(endpoint, context);
      if (reason === undefined) {
        observed.push({ type: 'server-reflexive', endpoint, isOffered: false });
      } else {
        this.#refusal ??= `${formatEndpoint(endpoint)} ${reason}`;
      }
    }
    const offered = (this.#offers?.candidates ?? [])
      .filter(({ endpoint }) => offerRefusal(endpoint, context) === undefined)
      .map((one) => ({ ...one, isOffered: true }));
    const relay: RemoteCandidate[] =
      this.#relay === undefined || endpointRefusal(this.#relay, context) !== undefined
        ? []
        : [{ type: 'relayed', endpoint: this.#relay, isOffered: false }];
    this.#candidates = observed.length === 0 ? [] : distinct([...observed, ...relay, ...offered]);
  }

  /** A probe of the peer arrived; returns whether it counts. */
  heard({ from, intent, transaction, observed }: IncomingProbe, now: number): boolean {
    const isSeeking = this.#seek(now);
    if (observed !== undefined) {
      const path = this.#checks.responded(from, transaction, now);
      if (path !== undefined && isSeeking) {
        this.#attempt.heard(intent, path.roundTripMs, now);
      }
      return path !== undefined;
    }
    const isKnown = this.#checks.requested(from, this.#mayAdd(from), now);
    this.#respond(from, transaction, isKnown, now);
    if (isKnown && isSeeking) {
      this.#attempt.heard(intent, undefined, now);
    }
    return true;
  }

  /**
   * Whether the source of a request becomes a candidate. Without a secret only another port of a known
   * address does: a NAT with endpoint-dependent mapping (RFC 4787).
   */
  #mayAdd(from: Endpoint): boolean {
    const { isSecret, refusalContext } = this.#context;
    return isSecret
      ? offerRefusal(from, refusalContext()) === undefined
      : this.#candidates.some(({ endpoint }) => endpoint.address === from.address);
  }

  #respond(to: Endpoint, transaction: number, isKnown: boolean, now: number): void {
    const isWithin =
      RESPONSES.has(this.#responseBucket, now) &&
      (isKnown || STRANGE_RESPONSES.has(this.#strangeBucket, now));
    if (!isWithin || this.#responses.length >= MAX_RESPONSES) {
      return;
    }
    this.#responseBucket = RESPONSES.take(this.#responseBucket, now);
    if (!isKnown) {
      this.#strangeBucket = STRANGE_RESPONSES.take(this.#strangeBucket, now);
    }
    this.#responses.push({ to, intent: 'waiting', transaction, observed: to });
  }

  /**
   * The peer, as far as it can be reached through a NAT with endpoint-dependent mapping only, and is not reached
   * or by a relay; undefined for others.
   * @param own the behaviour of this host's NAT, and the outside port that the server sees, by family
   */
  hardNat(own: (family: Family) => OwnNat, now: number): HardNatPeer | undefined {
    const observed = this.#candidates.find(({ isOffered }) => !isOffered);
    const isWanted = this.isAlive(now)
      ? this.#isRelayed() || this.#monitor.isWithoutPath(this.#connectedPeer(now), now)
      : this.#seek(now);
    if (!isWanted || observed === undefined || this.#offers === undefined || this.#isHeard) {
      return undefined;
    }
    const remote = observed.endpoint;
    const mine = own(remote.family);
    const theirs = peerNat(this.#offers?.nat, remote.family);
    const role = theirs && hardNatRole(mine.behaviour, theirs);
    if (theirs === undefined || role === undefined) {
      return undefined;
    }
    this.#isSearching ||= role === 'ports';
    const [{ step, block }, last] =
      role === 'sockets' ? [mine.behaviour, mine.port] : [theirs, remote.port];
    return { role, remote, pattern: { last, step, block } };
  }

  /** WireGuard's packets take a new path to the peer, which is checked at once. */
  opened(now: number): void {
    const observed = this.#candidates.find(({ isOffered }) => !isOffered);
    if (this.isAlive(now)) {
      this.#monitor.opened(this.#connectedPeer(now), this.#candidates, now);
      if (!this.#isRelayed()) {
        // WireGuard's packets take the new way already, and the peer follows the first that arrives.
        this.#nudgesAt = SWITCH_NUDGES_MS.map((ms) => now + ms);
      }
    }
    if (!this.#seek(now) || observed === undefined) {
      return;
    }
    this.#checks.begin(true, now);
    if (this.#context.leads) {
      // A probe of the peer came through, to the socket whose port WireGuard has now: both NATs are open.
      this.#checks.requested(observed.endpoint, false, now);
      this.#attempt.heard('waiting', undefined, now);
    }
  }

  /** Whether something of the peer arrived in this round, so that a way to it is known. */
  get #isHeard(): boolean {
    return this.#checks.best !== undefined;
  }

  /** When there are probes to send or a handshake to start, if nothing happens before. */
  nextAt(now: number): number {
    if (this.#responses.length > 0) {
      return now;
    }
    if (this.#seek(now)) {
      return Math.max(this.#attempt.nextAt(now), this.#changeableAt);
    }
    if (!this.isAlive(now)) {
      return Number.POSITIVE_INFINITY;
    }
    const watched = this.#monitor.nextAt(this.#connectedPeer(now), this.#candidates, now);
    return Math.min(watched, this.#checks.nextAt(now));
  }

  /** The peer as it stands now. */
  view(now: number): PeerView {
    return {
      publicKey: this.publicKey,
      name: formatPublicKey(this.publicKey).slice(0, 8),
      endpoint: this.#peer.endpoint,
      state: this.#state(now),
      handshakeAgeMs: this.#liveness.handshakeAge(now),
      answer: this.#answer,
      unknownForMs: this.#unknownSince === undefined ? undefined : now - this.#unknownSince,
      offers: (this.#offers?.candidates ?? []).map(({ endpoint }) => endpoint),
      path: this.#path(now),
      roundTripMs: this.#checks.find(this.#peer.endpoint)?.roundTripMs,
      nat: peerNat(this.#offers?.nat, this.#family),
      sharedNat: this.#sharedNat(now),
    };
  }

  #sharedNat(now: number): string | undefined {
    const lacksPath = this.isAlive(now)
      ? this.#isRelayed()
      : this.#seek(now) && this.#attempt.needsRelay(false, now);
    const observed = this.#candidates.filter((one) => !one.isOffered && one.type !== 'relayed');
    const isShared = observed.every(
      ({ endpoint: { address, family } }) =>
        this.#context.isOwnOutside(address) &&
        this.#context.natBehaviour(family).hairpinning === 'no',
    );
    return lacksPath && isShared ? observed[0]?.endpoint.address : undefined;
  }

  /** The family of the endpoint that the server observes, or of the one in use. */
  get #family(): Family {
    const observed = this.#candidates.find(({ isOffered }) => !isOffered);
    return (observed?.endpoint ?? this.#peer.endpoint)?.family ?? 4;
  }

  #path(now: number): PathKind | undefined {
    const { endpoint } = this.#peer;
    if (endpoint === undefined || !this.isAlive(now)) {
      return undefined;
    }
    const type = this.#checks.find(endpoint)?.type ?? 'server-reflexive';
    const kind = pathKind({ type, endpoint, isOffered: false });
    return kind === 'direct' && sameEndpoint(endpoint, this.#found) ? 'hard-nat' : kind;
  }

  /**
   * Takes in what the interface says now.
   * @param wallNow milliseconds since the epoch at `now`, for WireGuard's handshake times
   */
  read(peer: Peer, now: number, wallNow: number): void {
    const wasAlive = this.isAlive(now);
    const hasReceived = peer.receivedBytes > this.#peer.receivedBytes;
    const wasReadAlive = this.#wasReadAlive;
    if (!sameEndpoint(peer.endpoint, this.#peer.endpoint)) {
      this.#decision = undefined;
    }
    this.#liveness.read(peer, now, wallNow);
    this.#peer = peer;
    this.#selectCandidates();
    const alive = this.isAlive(now);
    const isUnknown = this.#answer === 'unknown' && !alive;
    this.#unknownSince = isUnknown ? (this.#unknownSince ?? now) : undefined;
    if (alive) {
      if (!wasAlive) {
        this.#monitor.connected(now);
        this.#connectedAt = now;
      }
      const isElsewhere = !wasReadAlive || !sameEndpoint(peer.endpoint, this.#lastEndpoint);
      this.#isNews = false;
      this.#lastEndpoint = peer.endpoint;
      this.#confirms = this.#attempt.hasStarted;
      this.#attempt.end();
      if (this.#isSearching && this.#path(now) === 'direct') {
        if (isElsewhere) {
          this.#found = this.#isAtCandidate() ? undefined : peer.endpoint;
        }
        this.#isSearching = false; // a search that goes on sets it again
      }
    } else if (hasReceived && !wasReadAlive) {
      // What arrived before that was data, of a session that has ended since.
      this.#attempt.hold(now);
    }
    this.#wasReadAlive = alive;
    if (alive || wasAlive) {
      this.#askTimes.restart(now);
    }
  }

  /**
   * The change to make now, if any; it counts as made. Call this right after `read`.
   */
  change({ keepalive, replace }: ChangeOptions, now: number): PeerConfig | undefined {
    this.#isStarting = false;
    if (now < this.#changeableAt) {
      return undefined;
    }
    const change = this.isAlive(now)
      ? this.#care(keepalive, now)
      : this.#start(keepalive, replace, now);
    if (change !== undefined) {
      this.#changedWithAllowedIps = this.#peer.allowedIps.length > 0;
    }
    return change;
  }

  /** A connected peer gets a keepalive if it has none, so that NATs keep its mapping. */
  #care(keepalive: number, now: number): PeerConfig | undefined {
    const { publicKey, persistentKeepalive: own } = this.#peer;
    const { endpoint = this.#movedRelay() } = this.#decision ?? this.#watch(now);
    this.#decision = undefined;
    if (endpoint !== undefined && !sameEndpoint(endpoint, this.#peer.endpoint)) {
      this.#changeableAt = now + CHANGE_SPACING_MS;
      this.#peer = { ...this.#peer, endpoint };
      const persistentKeepalive = own || keepalive;
      const sends = persistentKeepalive > 0 ? { persistentKeepalive, keepaliveNow: own > 0 } : {};
      return { publicKey, endpoint, ...sends };
    }
    const isNudge = now >= this.#nextNudgeAt;
    const confirms = this.#confirms || isNudge;
    const again = isNudge && this.#isSourceStale ? this.#peer.endpoint : undefined;
    this.#isSourceStale &&= !isNudge;
    this.#confirms = false;
    this.#nudgesAt = this.#nudgesAt.filter((at) => at > now);
    if (own === 0 && keepalive > 0) {
      return { publicKey, ...(again && { endpoint: again }), persistentKeepalive: keepalive };
    }
    // The other side has its session only when a first datagram of this one arrives, and WireGuard sends just
    // one. And a client that sets the server's endpoint over the one that its WireGuard learned from our
    // handshake is wrong behind a NAT with endpoint-dependent mapping: this datagram corrects it.
    if (!confirms || own === 0) {
      return undefined;
    }
    return {
      publicKey,
      ...(again && { endpoint: again }),
      persistentKeepalive: own,
      keepaliveNow: true,
    };
  }

  #start(keepalive: number, mayReplace: boolean, now: number): PeerConfig | undefined {
    if (!this.#seek(now)) {
      return undefined;
    }
    const start = this.#attempt.start(this.#peer, mayReplace, now);
    if (start === undefined) {
      return undefined;
    }
    this.#isStarting = true;
    const change = changeTo(start.endpoint, this.#peer, keepalive, start.replace);
    this.#peer = { ...this.#peer, endpoint: start.endpoint };
    return change;
  }

  /** Aims the attempt at the latest answer; false if there is nothing to connect to. */
  #seek(now: number): boolean {
    const candidates = this.#isNews ? this.#candidates : this.#oldCandidates;
    if (candidates.length === 0 || this.isAlive(now)) {
      this.#attempt.end();
      return false;
    }
    const otherLearns = this.#isNews ? this.#otherLearns : undefined;
    this.#attempt.aim(candidates, otherLearns, now, this.#evidenceNeeded);
    return true;
  }

  get #evidenceNeeded(): EvidenceNeeded {
    if (!this.#isNews) {
      return 'always';
    }
    return this.#isBehindHardNats ? 'first' : undefined;
  }

  /**
   * Whether most likely no address that a server observes leads to the peer: a handshake without evidence arrives
   * nowhere, and may cross the one that starts where a search for a way through the NATs ends.
   */
  get #isBehindHardNats(): boolean {
    const observed = this.#candidates.filter((one) => !one.isOffered && one.type !== 'relayed');
    return observed.every(({ endpoint: { family } }) => {
      const theirs = peerNat(this.#offers?.nat, family);
      if (theirs === undefined || theirs.translation === 'none') {
        return false;
      }
      const own = this.#context.natBehaviour(family);
      return hardNatRole(own, theirs) !== undefined || isHopeless(own, theirs);
    });
  }

  get #otherLearns(): OtherLearns {
    const { isSimultaneous, isSecret } = this.#context;
    if (!isSimultaneous) {
      // With a secret the other side runs a client of ours, which is worth waiting for.
      return this.#wasUnknown && !isSecret ? 'before' : undefined;
    }
    const isBesideUs = this.#candidates.some(({ endpoint }) =>
      this.#context.isOwnOutside(endpoint.address),
    );
    return isBesideUs ? undefined : 'together';
  }

  /**
   * Where a peer may be that was connected, and about which no server has said anything since. Without a secret
   * anyone could answer from there.
   */
  get #oldCandidates(): readonly RemoteCandidate[] {
    const endpoint = this.#lastEndpoint;
    if (endpoint === undefined || !this.#context.isSecret || this.#candidates.length === 0) {
      return [];
    }
    const isKnown = this.#candidates.some((one) => sameEndpoint(one.endpoint, endpoint));
    return isKnown
      ? this.#candidates
      : distinct([{ type: 'peer-reflexive', endpoint, isOffered: false }, ...this.#candidates]);
  }

  /**
   * Whether our own change brought this peer back: it was removed between our look and our change, and
   * `wg set` made it anew, as a peer without allowed IPs. Asked once after each change.
   */
  wasRecreated(peer: Peer): boolean {
    const recreated = this.#changedWithAllowedIps && peer.allowedIps.length === 0;
    this.#changedWithAllowedIps = false;
    return recreated && peer.latestHandshakeMs === 0 && peer.receivedBytes === 0;
  }

  /** The change has been made. */
  changeMade(now: number): void {
    if (this.#isStarting) {
      this.#isStarting = false;
      this.#attempt.made(now);
    }
  }

  /** The change could not be made: it is made again after a while. */
  changeFailed(now: number): void {
    this.#attempt.undone();
    this.#changeableAt = now + CHANGE_RETRY_MS;
    this.#changedWithAllowedIps = false;
  }

  #state(now: number): PeerState {
    if (this.isAlive(now)) {
      return 'connected';
    }
    if (this.#answer === undefined) {
      return 'asking';
    }
    return this.#answer === 'unknown' ? 'unknown' : 'connecting';
  }
}

/** What a peer said about its NAT. */
function peerNat(nat: Uint8Array | undefined, family: Family): NatBehaviour | undefined {
  return nat && decodeNatBehaviour(nat.subarray(family === 4 ? 0 : NAT_BEHAVIOUR_LENGTH));
}

/** undefined when there is nothing to change. */
function changeTo(
  endpoint: Endpoint,
  peer: Peer,
  keepalive: number,
  replace: boolean,
): PeerConfig | undefined {
  const { publicKey, persistentKeepalive: own } = peer;
  const sameAsNow = sameEndpoint(endpoint, peer.endpoint);
  if (own === 0 && keepalive === 0 && sameAsNow && !replace) {
    return undefined;
  }
  return {
    publicKey,
    ...(sameAsNow && !replace ? {} : { endpoint }),
    ...(own === 0 && keepalive === 0 ? {} : { persistentKeepalive: own || keepalive }),
    ...(replace ? { replace: true } : { keepaliveNow: own !== 0 }),
  };
}
