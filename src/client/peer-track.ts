import { type Endpoint, formatEndpoint, sameEndpoint } from '../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../wire/key.js';
import { type OpenerContent, STAMP_MODULUS } from '../wire/opener.js';
import type { Peer, PeerConfig } from '../wireguard/device.js';
import { ConnectAttempt, MAX_TARGETS, type OutgoingOpener } from './connect-attempt.js';
import { endpointRefusal, type RefusalContext } from './endpoint-refusal.js';
import type { Answer, Candidates, SoughtPeer } from './finder.js';
import { Liveness } from './liveness.js';
import {
  CHANGE_RETRY_MS,
  CONNECTING_POLL_MS,
  FIRST_INTERVAL_MS,
  FIRST_REQUESTS,
  IDLE_POLL_MS,
  INTERVAL_GROWTH,
  MAX_CONNECTING_POLL_MS,
  MAX_INTERVAL_MS,
  PATIENT_REQUESTS,
  REFRESH_INTERVAL_MS,
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
  /** The round trip to it in milliseconds; undefined where it was not measured. */
  readonly roundTripMs?: number | undefined;
}

/** How peers may be changed. */
export interface ChangeOptions {
  /** Seconds for a peer that has no keepalive of its own; 0 = leave it without. */
  readonly keepalive: number;
  /** Whether a peer that never connected may be taken out and put back. */
  readonly replace: boolean;
}

/** What a peer shares with the others of its interface. */
export interface TrackContext {
  /** Whether our public key is the greater one: this side starts handshakes. */
  readonly leads: boolean;
  /** The round trip to the peer in milliseconds, as far as it is known. */
  roundTripMs(): number | undefined;
  /** What decides which endpoints can be a peer's. */
  refusalContext(): RefusalContext;
}

/** After a change of our own address or port, keepalives leave at these times, in milliseconds. */
const NUDGES_MS = [300, 1500, 4000];
/** Openers to where a connected peer is said to have moved to, their spacing, and that of such series. */
const KNOCKS = 6;
const KNOCK_SPACING_MS = 200;
const KNOCK_SERIES_MS = 10_000;

/** What is known of one peer of the interface, and what to do about it. Pure. */
export class PeerTrack implements SoughtPeer {
  readonly publicKey: PublicKey;
  readonly #liveness: Liveness;
  readonly #attempt: ConnectAttempt;
  #askAt: number;
  #requests = 0;
  #answer: Answer | undefined;
  #offers: readonly Endpoint[] = [];
  /** Since when readings of the interface found the peer unknown to the server, and not connected. */
  #unknownSince: number | undefined;
  /** The answer came after the peer was last seen alive, so it may be newer than what WireGuard knows. */
  #isNews = false;
  #peer: Peer;
  #changeableAt = Number.NEGATIVE_INFINITY;
  #changedWithAllowedIps = false;
  readonly #context: TrackContext;
  /** The endpoints of the answer that can be the peer's; undefined when there are none. */
  #candidates: Candidates | undefined;
  #refusal: string | undefined;
  /** What the candidates were selected from. */
  #selected: { readonly answer: Answer; readonly context: RefusalContext } | undefined;
  /** Openers still to send to a connected peer that moved, and when. */
  #knocksLeft = 0;
  #knockAt = Number.NEGATIVE_INFINITY;
  #knockedAt = Number.NEGATIVE_INFINITY;
  #nudgesAt: readonly number[] = [];
  /** The peer connected after a change of ours, and needs a datagram that shows our endpoint. */
  #confirms = false;

  constructor(peer: Peer, context: TrackContext, now: number) {
    this.#context = context;
    this.#attempt = new ConnectAttempt(context.leads, () => context.roundTripMs());
    this.publicKey = peer.publicKey;
    this.#liveness = new Liveness(peer);
    this.#askAt = now;
    this.#peer = peer;
  }

  get answer(): Answer | undefined {
    return this.#answer;
  }

  get askAt(): number {
    return this.#askAt;
  }

  answered(answer: Answer): void {
    const before = this.#candidates;
    this.#answer = answer;
    this.#isNews = true;
    this.#selectCandidates();
    const isNew = !this.#candidates?.every((one) => before?.some((old) => sameEndpoint(one, old)));
    if (this.#candidates !== undefined && isNew && !this.#isAtCandidate()) {
      this.#knocksLeft = KNOCKS;
    }
  }

  /** Why an endpoint of the answer is not used, as one line; undefined where all are. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Our own address or port changed: connected peers get keepalives, by which WireGuard follows us. */
  moved(now: number): void {
    this.#nudgesAt = NUDGES_MS.map((ms) => now + ms);
  }

  offered(endpoints: readonly Endpoint[]): void {
    this.#offers = endpoints;
  }

  asked(now: number): void {
    this.#requests += 1;
    const grown = INTERVAL_GROWTH ** Math.max(0, this.#requests - FIRST_REQUESTS);
    const interval = Math.min(FIRST_INTERVAL_MS * grown, MAX_INTERVAL_MS);
    this.#askAt = now + (this.#requests > PATIENT_REQUESTS ? REFRESH_INTERVAL_MS : interval);
  }

  isAlive(now: number): boolean {
    return this.#liveness.isAlive(now);
  }

  /** How long a reading of the interface stays good for this peer, in milliseconds; 0 = act now. */
  pollInterval(now: number): number {
    if (!this.#seek(now)) {
      const nudge = this.isAlive(now) ? this.#nextNudgeAt - now : Number.POSITIVE_INFINITY;
      return Math.max(0, Math.min(nudge, IDLE_POLL_MS));
    }
    if (this.#attempt.isDue(now) && now >= this.#changeableAt) {
      return 0;
    }
    const quiet = this.#attempt.quietFor(now) / 3;
    return Math.min(Math.max(quiet, CONNECTING_POLL_MS), MAX_CONNECTING_POLL_MS);
  }

  /** The openers to send now; they count as sent. */
  openers(now: number): OutgoingOpener[] {
    if (this.#seek(now)) {
      return this.#attempt.openers(now);
    }
    return this.isAlive(now) ? this.#knocks(now) : [];
  }

  /**
   * Openers to where a connected peer is said to have moved. They open our NAT for it, and WireGuard follows
   * the peer by itself with its first packet from there.
   */
  #knocks(now: number): OutgoingOpener[] {
    if (now < this.#nextKnockAt) {
      return [];
    }
    this.#knockedAt = this.#knocksLeft === KNOCKS ? now : this.#knockedAt;
    this.#knocksLeft--;
    this.#knockAt = now + KNOCK_SPACING_MS;
    const stamp = Math.round(now) % STAMP_MODULUS;
    return (this.#candidates ?? [])
      .slice(0, MAX_TARGETS)
      .map((to) => ({ intent: 'waiting', stamp, to }));
  }

  get #nextKnockAt(): number {
    if (this.#knocksLeft === 0) {
      return Number.POSITIVE_INFINITY;
    }
    return this.#knocksLeft === KNOCKS ? this.#knockedAt + KNOCK_SERIES_MS : this.#knockAt;
  }

  get #nextNudgeAt(): number {
    return this.#nudgesAt[0] ?? Number.POSITIVE_INFINITY;
  }

  #isAtCandidate(): boolean {
    return this.#candidates?.some((one) => sameEndpoint(one, this.#peer.endpoint)) ?? false;
  }

  /** Whether the candidates are those of this answer: each check reads all AllowedIPs. */
  #isSelected(answer: Answer, context: RefusalContext): boolean {
    const known = this.#selected;
    if (known?.context !== context || answer === 'unknown' || known.answer === 'unknown') {
      return known?.context === context && answer === known.answer;
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
    this.#selected = { answer, context };
    this.#refusal = undefined;
    this.#candidates = undefined;
    if (answer === 'unknown') {
      return;
    }
    const usable: Endpoint[] = [];
    for (const endpoint of answer) {
      const reason = endpointRefusal(endpoint, context);
      if (reason === undefined) {
        usable.push(endpoint);
      } else {
        this.#refusal ??= `${formatEndpoint(endpoint)} ${reason}`;
      }
    }
    const [first, ...more] = usable;
    this.#candidates = first && [first, ...more];
  }

  /** An opener of the peer arrived; returns whether it counts. */
  heard(from: Endpoint, opener: OpenerContent, now: number): boolean {
    return this.#seek(now) && this.#attempt.heard(from, opener, now);
  }

  /** When there are openers to send or a handshake to start, if nothing happens before. */
  nextAt(now: number): number {
    if (this.#seek(now)) {
      return Math.max(this.#attempt.nextAt(now), this.#changeableAt);
    }
    return this.isAlive(now) ? this.#nextKnockAt : Number.POSITIVE_INFINITY;
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
      offers: this.#offers,
      roundTripMs: this.#attempt.measuredRoundTripMs,
    };
  }

  /**
   * Takes in what the interface says now.
   * @param wallNow milliseconds since the epoch at `now`, for WireGuard's handshake times
   */
  read(peer: Peer, now: number, wallNow: number): void {
    const wasAlive = this.isAlive(now);
    const hasReceived = peer.receivedBytes > this.#peer.receivedBytes;
    this.#liveness.read(peer, now, wallNow);
    this.#peer = peer;
    this.#selectCandidates();
    const alive = this.isAlive(now);
    const isUnknown = this.#answer === 'unknown' && !alive;
    this.#unknownSince = isUnknown ? (this.#unknownSince ?? now) : undefined;
    if (alive) {
      this.#isNews = false;
      this.#confirms = this.#attempt.hasStarted;
      this.#attempt.end();
    } else if (hasReceived) {
      this.#attempt.hold(now);
    }
    if (alive || wasAlive) {
      this.#requests = 0;
      this.#askAt = now;
    }
  }

  /**
   * The change to make now, if any; it counts as made. To be called right after `read`.
   */
  change({ keepalive, replace }: ChangeOptions, now: number): PeerConfig | undefined {
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

  /** A connected peer gets a keepalive where it has none, so that NATs keep its mapping. */
  #care(keepalive: number, now: number): PeerConfig | undefined {
    const { publicKey, persistentKeepalive: own } = this.#peer;
    const confirms = this.#confirms || now >= this.#nextNudgeAt;
    this.#confirms = false;
    this.#nudgesAt = this.#nudgesAt.filter((at) => at > now);
    if (own === 0 && keepalive > 0) {
      return { publicKey, persistentKeepalive: keepalive };
    }
    // The other side has its session only when a first datagram of this one arrives, and WireGuard sends just
    // one. And a client that sets the server's endpoint over the one that its WireGuard learned from our
    // handshake is wrong behind a NAT with endpoint-dependent mapping: this datagram corrects it.
    return confirms && own > 0
      ? { publicKey, persistentKeepalive: own, keepaliveNow: true }
      : undefined;
  }

  #start(keepalive: number, mayReplace: boolean, now: number): PeerConfig | undefined {
    if (!this.#seek(now)) {
      return undefined;
    }
    const start = this.#attempt.start(this.#peer, mayReplace, now);
    if (start === undefined) {
      return undefined;
    }
    const change = changeTo(start.endpoint, this.#peer, keepalive, start.replace);
    this.#peer = { ...this.#peer, endpoint: start.endpoint };
    return change;
  }

  /** Aims the attempt at what was said last; false when there is nothing to connect to. */
  #seek(now: number): boolean {
    const candidates = this.#candidates;
    if (!this.#isNews || candidates === undefined || this.isAlive(now)) {
      this.#attempt.end();
      return false;
    }
    this.#attempt.aim(candidates, now);
    return true;
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
