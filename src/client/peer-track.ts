import type { ClassicAnswer } from '../wire/classic.js';
import { type Endpoint, sameEndpoint } from '../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../wire/key.js';
import type { Peer, PeerConfig } from '../wireguard/device.js';
import {
  CHANGE_RETRY_MS,
  CONNECTING_MS,
  FIRST_INTERVAL_MS,
  FIRST_REQUESTS,
  FRESH_HANDSHAKE_MS,
  HEARD_MS,
  INTERVAL_GROWTH,
  MAX_INTERVAL_MS,
  PATIENT_REQUESTS,
  REFRESH_INTERVAL_MS,
  REJECT_AFTER_MS,
} from './timing.js';

/** `asking`: no answer yet. `unknown`: the server does not know it. `connecting`: endpoint set. */
export type PeerState = 'asking' | 'unknown' | 'connecting' | 'connected';

/** What is known of one peer of the interface, and what to do about it. Pure. */
export class PeerTrack {
  readonly publicKey: PublicKey;
  /** When the server is to be asked about this peer, while it has no fresh handshake. */
  askAt: number;
  #answer: ClassicAnswer | undefined;
  /** The answer came after the peer was last seen alive, so it may be newer than what WireGuard knows. */
  #isNews = false;
  #requests = 0;
  #peer: Peer;
  #handshakeAt: number | undefined;
  #latestHandshakeMs = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
  /** The answer that was acted upon since the peer was last alive. */
  #applied: Endpoint | undefined;
  #appliedAt = Number.NEGATIVE_INFINITY;
  #changeableAt = Number.NEGATIVE_INFINITY;
  #changedWithAllowedIps = false;

  constructor(peer: Peer, now: number) {
    this.publicKey = peer.publicKey;
    this.askAt = now;
    this.#peer = peer;
  }

  get endpoint(): Endpoint | undefined {
    return this.#peer.endpoint;
  }

  /** What the server said last. */
  get answer(): ClassicAnswer | undefined {
    return this.#answer;
  }

  /** The server answered about this peer. */
  answered(answer: ClassicAnswer): void {
    this.#answer = answer;
    this.#isNews = true;
  }

  /** Milliseconds since the last handshake; undefined when there was none. */
  handshakeAge(now: number): number | undefined {
    return this.#handshakeAt === undefined ? undefined : now - this.#handshakeAt;
  }

  /** Has a session that works as far as WireGuard can tell: such a peer is not touched. */
  isAlive(now: number): boolean {
    const age = this.handshakeAge(now);
    if (age === undefined) {
      return false;
    }
    const heard = now - this.#heardAt < HEARD_MS;
    return age < FRESH_HANDSHAKE_MS || (heard && age < REJECT_AFTER_MS);
  }

  /** A change was made for this peer a moment ago and has not shown its effect yet. */
  isConnecting(now: number): boolean {
    return !this.isAlive(now) && now - this.#appliedAt < CONNECTING_MS;
  }

  state(now: number): PeerState {
    if (this.isAlive(now)) {
      return 'connected';
    }
    if (this.#answer === undefined) {
      return 'asking';
    }
    return this.#answer === 'unknown' ? 'unknown' : 'connecting';
  }

  /**
   * Takes in what the interface says now.
   * @param wallNow milliseconds since the epoch at `now`, for WireGuard's handshake times
   */
  read(peer: Peer, now: number, wallNow: number): void {
    const wasAlive = this.isAlive(now);
    if (peer.receivedBytes > this.#peer.receivedBytes) {
      this.#heardAt = now;
    }
    this.#noteHandshake(peer, now, wallNow);
    this.#peer = peer;
    const alive = this.isAlive(now);
    if (alive) {
      this.#isNews = false;
    }
    if (alive || peer.endpoint === undefined) {
      this.#applied = undefined;
    }
    if (alive || wasAlive) {
      this.#requests = 0;
      this.askAt = now;
    }
  }

  /** Dated once, when it is new: a step of the wall clock later must not make it older or younger. */
  #noteHandshake({ latestHandshakeMs }: Peer, now: number, wallNow: number): void {
    if (latestHandshakeMs !== this.#latestHandshakeMs) {
      this.#latestHandshakeMs = latestHandshakeMs;
      const age = Math.max(0, wallNow - latestHandshakeMs);
      this.#handshakeAt = latestHandshakeMs === 0 ? undefined : now - age;
    }
  }

  /** A request about this peer was sent: the next one keeps its distance. */
  asked(now: number): void {
    this.#requests += 1;
    const grown = INTERVAL_GROWTH ** Math.max(0, this.#requests - FIRST_REQUESTS);
    const interval = Math.min(FIRST_INTERVAL_MS * grown, MAX_INTERVAL_MS);
    this.askAt = now + (this.#requests > PATIENT_REQUESTS ? REFRESH_INTERVAL_MS : interval);
  }

  /** An answer that is to be acted upon; undefined when there is none. */
  news(now: number): Endpoint | undefined {
    const answer = this.#answer;
    if (!this.#isNews || answer === undefined || answer === 'unknown') {
      return undefined;
    }
    const wait = this.isAlive(now) || now < this.#changeableAt;
    return wait || sameEndpoint(answer, this.#applied) ? undefined : answer;
  }

  /**
   * The change that the answer calls for, if any. An answer is acted upon once: where WireGuard moved on
   * from it by itself, the peer roamed, and that stands until the handshake is stale.
   * @param keepalive seconds for a peer without a keepalive of its own; 0 = none
   */
  change(keepalive: number, now: number): PeerConfig | undefined {
    const answer = this.news(now);
    if (answer === undefined) {
      return undefined;
    }
    this.#applied = answer;
    this.#appliedAt = now;
    this.#changedWithAllowedIps = this.#peer.allowedIps.length > 0;
    const change = this.#changeTo(answer, keepalive);
    this.#peer = { ...this.#peer, endpoint: answer };
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
    this.#applied = undefined;
    this.#changeableAt = now + CHANGE_RETRY_MS;
    this.#changedWithAllowedIps = false;
  }

  /** undefined when there is nothing to change. */
  #changeTo(answer: Endpoint, keepalive: number): PeerConfig | undefined {
    const own = this.#peer.persistentKeepalive;
    const sameAsNow = sameEndpoint(answer, this.#peer.endpoint);
    if (own === 0 && keepalive === 0 && sameAsNow) {
      return undefined;
    }
    return {
      publicKey: this.publicKey,
      ...(sameAsNow ? {} : { endpoint: answer }),
      ...(own === 0 && keepalive === 0 ? {} : { persistentKeepalive: own || keepalive }),
      keepaliveNow: own !== 0,
    };
  }

  /** The first eight characters of the key. */
  get name(): string {
    return formatPublicKey(this.publicKey).slice(0, 8);
  }
}
