import type { Peer } from '../wireguard/device.js';
import { FRESH_HANDSHAKE_MS, HEARD_MS, REJECT_AFTER_MS } from './timing.js';

/** Whether a peer has a session that works, as far as WireGuard can tell. Pure. */
export class Liveness {
  #receivedBytes: number;
  #latestHandshakeMs = 0;
  #handshakeAt: number | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor({ receivedBytes }: Peer) {
    this.#receivedBytes = receivedBytes;
  }

  /**
   * Takes in what the interface says now. A handshake is dated once, when it is new: a step of the wall
   * clock later must not make it older or younger.
   * @param wallNow milliseconds since the epoch at `now`, for WireGuard's handshake times
   */
  read({ receivedBytes, latestHandshakeMs }: Peer, now: number, wallNow: number): void {
    if (receivedBytes > this.#receivedBytes) {
      this.#heardAt = now;
    }
    this.#receivedBytes = receivedBytes;
    if (latestHandshakeMs !== this.#latestHandshakeMs) {
      this.#latestHandshakeMs = latestHandshakeMs;
      const age = Math.max(0, wallNow - latestHandshakeMs);
      this.#handshakeAt = latestHandshakeMs === 0 ? undefined : now - age;
    }
  }

  /** Milliseconds since the last handshake; undefined when there was none. */
  handshakeAge(now: number): number | undefined {
    return this.#handshakeAt === undefined ? undefined : now - this.#handshakeAt;
  }

  isAlive(now: number): boolean {
    const age = this.handshakeAge(now);
    if (age === undefined) {
      return false;
    }
    const heard = now - this.#heardAt < HEARD_MS;
    return age < FRESH_HANDSHAKE_MS || (heard && age < REJECT_AFTER_MS);
  }
}
