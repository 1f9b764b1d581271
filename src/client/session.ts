import type { ClassicAnswer } from '../wire/classic.js';
import { type Endpoint, formatEndpoint, sameEndpoint } from '../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../wire/key.js';
import type { Device, Peer, PeerConfig } from '../wireguard/device.js';
import { Inquiry } from './inquiry.js';
import { type PeerState, PeerTrack } from './peer-track.js';
import {
  ATTEMPTS_PER_TURN,
  CONNECTING_POLL_MS,
  IDLE_POLL_MS,
  MIN_SPACING_MS,
  REFRESH_INTERVAL_MS,
} from './timing.js';

export interface SessionOptions {
  /** Seconds for peers that have no keepalive; 0 = leave them without. */
  readonly keepalive: number;
  /** Base64 keys of the only peers to manage; undefined = all. */
  readonly only?: ReadonlySet<string> | undefined;
}

/** A peer as shown to people. */
export interface PeerView {
  readonly publicKey: PublicKey;
  readonly name: string;
  readonly endpoint: Endpoint | undefined;
  readonly state: PeerState;
  readonly handshakeAgeMs: number | undefined;
  readonly answer: ClassicAnswer | undefined;
}

/** A request to send: it registers `mine` and asks for `theirs`. */
export interface Request {
  readonly mine: PublicKey;
  readonly theirs: PublicKey;
}

/**
 * The client's decisions for one interface: whom to ask when, to whom a reply is credited, what to change.
 * Pure: it does no I/O and is handed the time, in milliseconds of one monotonic clock.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #inquiry = new Inquiry();
  readonly #tracks = new Map<string, PeerTrack>();
  #mine: PublicKey | undefined;
  #attempts = 0;
  #lastSentAt = Number.NEGATIVE_INFINITY;
  #refreshAt = Number.NEGATIVE_INFINITY;
  /** Where the round of refreshes stands, so that each peer's answer is renewed in turn. */
  #turn = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Takes in a reading of the interface and returns the changes to make, at once, while it is fresh.
   * @param wallNow milliseconds since the epoch at `now`
   */
  deviceRead(device: Device, now: number, wallNow: number): PeerConfig[] {
    this.#follow(device);
    const managed = device.peers.filter((peer) => this.#manages(peer));
    const keys = new Set(managed.map((peer) => formatPublicKey(peer.publicKey)));
    for (const gone of [...this.#tracks.keys()].filter((key) => !keys.has(key))) {
      this.#tracks.delete(gone);
    }
    return managed.flatMap((peer) => this.#peerRead(peer, now, wallNow));
  }

  /** The interface has no peers any more, or is gone itself. */
  peersGone(): void {
    this.#tracks.clear();
  }

  /** The changes last returned were not made. */
  changesFailed(now: number): void {
    for (const track of this.#tracks.values()) {
      track.changeFailed(now);
    }
  }

  /** A reply arrived on the socket. */
  replied(answer: ClassicAnswer, now: number): void {
    const text = answer === 'unknown' ? answer : formatEndpoint(answer);
    const credited = this.#inquiry.replied(text, this.#isAnswerOfOther(answer), now);
    this.#attempts = 0;
    const track = credited === undefined ? undefined : this.#tracks.get(credited);
    track?.answered(answer);
  }

  /** The request to send now, if any; it counts as sent. */
  nextRequest(now: number): Request | undefined {
    if (this.#inquiry.timedOut(now)) {
      this.#attempts += 1;
    }
    const key = now < this.#sendableAt() ? undefined : this.#choose(now);
    const track = key === undefined ? undefined : this.#tracks.get(key);
    if (key === undefined || track === undefined || this.#mine === undefined) {
      return undefined;
    }
    if (key !== this.#inquiry.peer || this.#attempts >= ATTEMPTS_PER_TURN) {
      this.#attempts = 0;
    }
    this.#inquiry.sent(key, now);
    this.#lastSentAt = now;
    this.#refreshAt = now + REFRESH_INTERVAL_MS;
    track.asked(now);
    return { mine: this.#mine, theirs: track.publicKey };
  }

  /** When there is something to decide next, if nothing happens before. */
  nextDecisionAt(now: number): number {
    if (this.#tracks.size === 0) {
      return Number.POSITIVE_INFINITY;
    }
    const due = [...this.#tracks.values()]
      .filter((track) => !track.isAlive(now))
      .map((track) => track.askAt);
    const again = this.#repeats() ? now : this.#inquiry.deadline;
    const wanted = Math.min(this.#refreshAt, again ?? Number.POSITIVE_INFINITY, ...due);
    return Math.max(wanted, this.#sendableAt());
  }

  /** How long a reading of the interface stays good, in milliseconds; 0 = a change is to be made. */
  pollInterval(now: number): number {
    if ([...this.#tracks.values()].some((track) => track.news(now) !== undefined)) {
      return 0;
    }
    const connecting = [...this.#tracks.values()].some((track) => track.isConnecting(now));
    return connecting ? CONNECTING_POLL_MS : IDLE_POLL_MS;
  }

  /** Requests in a row that got no reply in time. */
  get silentRequests(): number {
    return this.#inquiry.silent;
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

  /** Every peer that is managed, as it stands now. */
  peers(now: number): PeerView[] {
    return [...this.#tracks.values()].map((track) => ({
      publicKey: track.publicKey,
      name: track.name,
      endpoint: track.endpoint,
      state: track.state(now),
      handshakeAgeMs: track.handshakeAge(now),
      answer: track.answer,
    }));
  }

  #manages(peer: Peer): boolean {
    return this.#options.only?.has(formatPublicKey(peer.publicKey)) ?? true;
  }

  /** With another key of our own everything known is about somebody else. */
  #follow(device: Device): void {
    const before = this.#mine && formatPublicKey(this.#mine);
    if (device.publicKey === undefined || formatPublicKey(device.publicKey) !== before) {
      this.#mine = device.publicKey;
      this.#tracks.clear();
      this.channelChanged();
    }
  }

  #peerRead(peer: Peer, now: number, wallNow: number): PeerConfig[] {
    const key = formatPublicKey(peer.publicKey);
    const track = this.#tracks.get(key) ?? new PeerTrack(peer, now);
    if (track.wasRecreated(peer)) {
      this.#tracks.delete(key);
      return [{ publicKey: peer.publicKey, remove: true }];
    }
    this.#tracks.set(key, track);
    track.read(peer, now, wallNow);
    const change = track.change(this.#options.keepalive, now);
    return change === undefined ? [] : [change];
  }

  /** One request is in flight at a time, and requests keep their distance. */
  #sendableAt(): number {
    return Math.max(this.#inquiry.deadline ?? 0, this.#lastSentAt + MIN_SPACING_MS);
  }

  /** Whether the peer asked last is to be asked again: no reply in time, or none that can be credited. */
  #repeats(): boolean {
    const { peer, undecided } = this.#inquiry;
    const wanted = undecided || this.#attempts > 0;
    return (
      wanted && this.#attempts < ATTEMPTS_PER_TURN && peer !== undefined && this.#tracks.has(peer)
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
    const due = [...this.#tracks].filter(([, track]) => !track.isAlive(now) && track.askAt <= now);
    return due.sort(([, a], [, b]) => a.askAt - b.askAt)[0]?.[0];
  }

  #dueForRefresh(now: number): string | undefined {
    if (now < this.#refreshAt || this.#tracks.size === 0) {
      return undefined;
    }
    this.#turn = (this.#turn + 1) % this.#tracks.size;
    return [...this.#tracks.keys()][this.#turn];
  }

  #isAnswerOfOther(answer: ClassicAnswer): boolean {
    return (
      answer !== 'unknown' &&
      [...this.#tracks].some(
        ([key, track]) =>
          key !== this.#inquiry.peer &&
          track.answer !== 'unknown' &&
          sameEndpoint(track.answer, answer),
      )
    );
  }
}
