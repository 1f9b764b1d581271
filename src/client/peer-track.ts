import { type Endpoint, sameEndpoint } from '../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../wire/key.js';
import type { Peer, PeerConfig } from '../wireguard/device.js';
import type { Answer, SoughtPeer } from './finder.js';
import { Liveness } from './liveness.js';
import {
  CHANGE_RETRY_MS,
  FIRST_INTERVAL_MS,
  FIRST_REQUESTS,
  INTERVAL_GROWTH,
  MAX_INTERVAL_MS,
  PATIENT_REQUESTS,
  REFRESH_INTERVAL_MS,
} from './timing.js';
import { Trial } from './trial.js';

/** `asking`: no answer yet. `unknown`: the server does not know it. `connecting`: endpoint set. */
export type PeerState = 'asking' | 'unknown' | 'connecting' | 'connected';

/** A peer as shown to people. */
export interface PeerView {
  readonly publicKey: PublicKey;
  /** The first eight characters of the key. */
  readonly name: string;
  readonly endpoint: Endpoint | undefined;
  readonly state: PeerState;
  /** Milliseconds since the last handshake; undefined when there was none. */
  readonly handshakeAgeMs: number | undefined;
  readonly answer: Answer | undefined;
  /** The peer's own addresses, as it told us. */
  readonly offers: readonly Endpoint[];
}

/** What is known of one peer of the interface, and what to do about it. Pure. */
export class PeerTrack implements SoughtPeer {
  readonly publicKey: PublicKey;
  readonly #liveness: Liveness;
  readonly #trial = new Trial();
  #askAt: number;
  #requests = 0;
  #answer: Answer | undefined;
  #offers: readonly Endpoint[] = [];
  /** The answer came after the peer was last seen alive, so it may be newer than what WireGuard knows. */
  #isNews = false;
  #peer: Peer;
  #changeableAt = Number.NEGATIVE_INFINITY;
  #changedWithAllowedIps = false;
  /** The peer connected after a change of ours, and is to be told from where. */
  #confirms = false;

  constructor(peer: Peer, now: number) {
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
    this.#answer = answer;
    this.#isNews = true;
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

  /** A change was made for this peer a moment ago and has not shown its effect yet. */
  isConnecting(now: number): boolean {
    return !this.isAlive(now) && this.#trial.isUnderWay(now);
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
      offers: this.#offers,
    };
  }

  /**
   * Takes in what the interface says now.
   * @param wallNow milliseconds since the epoch at `now`, for WireGuard's handshake times
   */
  read(peer: Peer, now: number, wallNow: number): void {
    const wasAlive = this.isAlive(now);
    this.#liveness.read(peer, now, wallNow);
    this.#peer = peer;
    const alive = this.isAlive(now);
    if (alive) {
      this.#isNews = false;
      this.#confirms = this.#trial.isInEffect;
      this.#trial.finished();
    } else if (peer.endpoint === undefined) {
      this.#trial.undone();
    }
    if (alive || wasAlive) {
      this.#requests = 0;
      this.#askAt = now;
    }
  }

  /** The endpoint that the answer calls for; undefined when there is none to set. */
  news(now: number): Endpoint | undefined {
    const answer = this.#answer;
    if (!this.#isNews || answer === undefined || answer === 'unknown') {
      return undefined;
    }
    const wait = this.isAlive(now) || now < this.#changeableAt;
    return wait ? undefined : this.#trial.next(answer, this.#peer.endpoint, now);
  }

  /**
   * The change that is called for, if any; it counts as made.
   * @param keepalive seconds for a peer without a keepalive of its own; 0 = none
   */
  change(keepalive: number, now: number): PeerConfig | undefined {
    const endpoint = this.news(now);
    const confirms = this.#confirms;
    this.#confirms = false;
    if (endpoint === undefined && !confirms) {
      return undefined;
    }
    this.#changedWithAllowedIps = this.#peer.allowedIps.length > 0;
    if (endpoint === undefined) {
      return confirmation(this.#peer);
    }
    this.#trial.start(endpoint, now);
    const change = changeTo(endpoint, this.#peer, keepalive);
    this.#peer = { ...this.#peer, endpoint };
    return change;
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
    this.#trial.undone();
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

/**
 * A keepalive at once to a peer that just connected. Our handshake may have reached it between its
 * client's look and change, and the change then replaced the endpoint that WireGuard had just learned from
 * us by the server's, which is wrong for a NAT with a mapping for each destination. This mends it.
 */
function confirmation({ publicKey, persistentKeepalive }: Peer): PeerConfig | undefined {
  return persistentKeepalive === 0
    ? undefined
    : { publicKey, persistentKeepalive, keepaliveNow: true };
}

/** undefined when there is nothing to change. */
function changeTo(endpoint: Endpoint, peer: Peer, keepalive: number): PeerConfig | undefined {
  const own = peer.persistentKeepalive;
  const sameAsNow = sameEndpoint(endpoint, peer.endpoint);
  if (own === 0 && keepalive === 0 && sameAsNow) {
    return undefined;
  }
  return {
    publicKey: peer.publicKey,
    ...(sameAsNow ? {} : { endpoint }),
    ...(own === 0 && keepalive === 0 ? {} : { persistentKeepalive: own || keepalive }),
    keepaliveNow: own !== 0,
  };
}
