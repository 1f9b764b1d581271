import type { Endpoint } from '../wire/endpoint.js';
import type { PublicKey } from '../wire/key.js';

/** A WireGuard interface as read by one `wg show IFACE dump`. No private or preshared key is kept. */
export interface Device {
  /** undefined if no private key is set. */
  readonly publicKey: PublicKey | undefined;
  /** 0 if no port is chosen yet. */
  readonly listenPort: number;
  /** 0 = off. */
  readonly fwmark: number;
  readonly peers: readonly Peer[];
}

/** A peer as read; times as the kernel gives them. */
export interface Peer {
  readonly publicKey: PublicKey;
  readonly endpoint: Endpoint | undefined;
  readonly allowedIps: readonly string[];
  /** Milliseconds since the epoch, in whole seconds; 0 = never. */
  readonly latestHandshakeMs: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Seconds; 0 = off. */
  readonly persistentKeepalive: number;
}

/** A change to one peer that exists; what is absent stays as it is. */
export interface PeerConfig {
  readonly publicKey: PublicKey;
  readonly endpoint?: Endpoint;
  /** Seconds; 0 = off. */
  readonly persistentKeepalive?: number;
  /**
   * Turn the keepalive off and on again in the same change: WireGuard sends one at once, and so starts a
   * handshake, only when the interval goes from 0 to n.
   */
  readonly keepaliveNow?: boolean;
  /** Removes the peer. */
  readonly remove?: boolean;
  /**
   * Removes the peer and adds it again in the same change, with the preshared key, allowed IPs, keepalive
   * and endpoint that it has at that moment, save for what this change sets. WireGuard then sends a
   * handshake initiation at once instead of up to 5 s (REKEY_TIMEOUT) after the last one. Its session and
   * its counters are lost, so a peer that has ever received anything is left as it is, and so is one that
   * is gone: setPeers returns without it.
   */
  readonly replace?: boolean;
}
