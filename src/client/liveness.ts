import type { Peer } from '../wireguard/device.js';
import { FRESH_HANDSHAKE_MS, HEARD_MS, REJECT_AFTER_MS } from './timing.js';

/** Handshake times further from the present than this are no times of handshakes. */
const MAX_PLAUSIBLE_AGE_MS = 365 * 24 * 3_600_000;
const MAX_PLAUSIBLE_LEAD_MS = 24 * 3_600_000;

/**
 * A peer that answers nothing for this long while WireGuard sends more than keepalives is gone: WireGuard
 * answers data within KEEPALIVE_TIMEOUT, 10 s, and begins a new handshake after 15 s without an answer.
 */
const UNANSWERED_MS = 15_000;
/** Of the time between two readings in which nothing arrived, so much counts: data may have left at its end. */
const MAX_CREDIT_MS = 1000;
/** Bytes of a keepalive on the wire: an empty data message. */
const KEEPALIVE_BYTES = 32;
/** A peer that kept itself alive at this interval or a shorter one is silent after two and a half of them. */
const KEEPALIVE_INTERVAL_MS = 27_000;
const SILENT_MS = 65_000;
/** The number of consecutive receptions at that interval that make a rhythm. */
const RHYTHM = 3;

/**
 * Whether a peer has a session that works, as far as WireGuard can tell: by the age of its handshake, unless
 * the peer has fallen silent. Pure.
 */
export class Liveness {
  #receivedBytes: number;
  #sentBytes: number;
  #latestHandshakeMs = 0;
  #handshakeAt: number | undefined;
  /** The handshake time is impossible: some WireGuards report its age there. */
  #isTimeUnknown = false;
  #heardAt = Number.NEGATIVE_INFINITY;
  #readAt = Number.NEGATIVE_INFINITY;
  /** Receptions in a row that followed the one before within KEEPALIVE_INTERVAL_MS. */
  #rhythm = 0;
  /** What was sent when the peer was heard last, and since when more than keepalives was sent. */
  #sentAtHearing: number;
  #unansweredSince: number | undefined;

  constructor({ receivedBytes, sentBytes }: Peer) {
    this.#receivedBytes = receivedBytes;
    this.#sentBytes = sentBytes;
    this.#sentAtHearing = sentBytes;
  }

  /**
   * Takes in what the interface says now. A handshake is dated once, when it is new: a step of the wall
   * clock later must not make it older or younger.
   * @param wallNow milliseconds since the epoch at `now`, for WireGuard's handshake times
   */
  read(peer: Peer, now: number, wallNow: number): void {
    const { receivedBytes, sentBytes, latestHandshakeMs } = peer;
    if (receivedBytes !== this.#receivedBytes) {
      const isHeard = receivedBytes > this.#receivedBytes;
      this.#rhythm = isHeard && now - this.#heardAt < KEEPALIVE_INTERVAL_MS ? this.#rhythm + 1 : 0;
      this.#heardAt = isHeard ? now : this.#heardAt;
      this.#sentAtHearing = sentBytes;
      this.#unansweredSince = undefined;
    } else if (sentBytes > this.#sentBytes && this.#sendsMoreThanKeepalives(peer, now)) {
      this.#unansweredSince ??= Math.max(this.#readAt, now - MAX_CREDIT_MS);
    }
    this.#readAt = now;
    this.#receivedBytes = receivedBytes;
    this.#sentBytes = sentBytes;
    if (latestHandshakeMs !== this.#latestHandshakeMs) {
      this.#latestHandshakeMs = latestHandshakeMs;
      const age = wallNow - latestHandshakeMs;
      this.#isTimeUnknown =
        latestHandshakeMs !== 0 && (age > MAX_PLAUSIBLE_AGE_MS || age < -MAX_PLAUSIBLE_LEAD_MS);
      const isKnown = latestHandshakeMs !== 0 && !this.#isTimeUnknown;
      this.#handshakeAt = isKnown ? now - Math.max(0, age) : undefined;
      this.#unansweredSince = undefined;
    }
  }

  /** Milliseconds since the last handshake; undefined when there was none, or its time is unknown. */
  handshakeAge(now: number): number | undefined {
    return this.#handshakeAt === undefined ? undefined : now - this.#handshakeAt;
  }

  /** When the peer was heard last, by WireGuard; -Infinity where that is unknown. */
  get heardAt(): number {
    return Math.max(this.#heardAt, this.#handshakeAt ?? Number.NEGATIVE_INFINITY);
  }

  /** Whether more than keepalives was sent, and nothing was received, for that long. */
  isUnanswered(now: number, forMs: number): boolean {
    return this.#unansweredSince !== undefined && now - this.#unansweredSince >= forMs;
  }

  isAlive(now: number): boolean {
    const age = this.handshakeAge(now);
    const silence = now - this.#heardAt;
    if (age === undefined) {
      return this.#isTimeUnknown && silence < HEARD_MS;
    }
    if (this.#hasFallenSilent(now, Math.min(age, silence))) {
      return false;
    }
    return age < FRESH_HANDSHAKE_MS || (silence < HEARD_MS && age < REJECT_AFTER_MS);
  }

  #hasFallenSilent(now: number, silence: number): boolean {
    return (
      this.isUnanswered(now, UNANSWERED_MS) || (this.#rhythm >= RHYTHM && silence >= SILENT_MS)
    );
  }

  /** Whether more left than the keepalives of the time since the peer was heard. */
  #sendsMoreThanKeepalives({ sentBytes, persistentKeepalive }: Peer, now: number): boolean {
    const silence = Math.max(0, now - this.#heardAt);
    const interval = persistentKeepalive * 1000;
    const keepalives = interval === 0 ? 1 : 1 + Math.ceil(silence / interval);
    return (
      Number.isFinite(silence) && sentBytes - this.#sentAtHearing > keepalives * KEEPALIVE_BYTES
    );
  }
}
