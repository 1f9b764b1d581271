import type { Endpoint } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import { RELAY_REFUSAL, type RelayRefusal } from '../../wire/sealed-frames.js';
import type { SoughtPeer } from '../finder.js';
import type { Problems } from '../problems.js';
import type { RelayView } from './sealed-client.js';

/** A peer that no longer needs its relay keeps it for this long: its datagrams may still come by it. */
const KEEP_MS = 30_000;

const WHY: Readonly<Record<RelayRefusal | 'no-relay' | 'too-many', string>> = {
  'no-relay': 'does not relay (it was started without --relay)',
  'too-many': 'relays to no more peers of one host',
  [RELAY_REFUSAL.noRelay]: 'does not relay (it was started without --relay)',
  [RELAY_REFUSAL.notAllowed]: 'does not relay for this pair: add both to its --relay-allow list',
  [RELAY_REFUSAL.full]: 'has no free relay port for this pair: give it more --relay-ports',
};

/** The part of a sealed client that has to do with relays. */
export interface RelayingClient {
  readonly isEstablished: boolean;
  askRelay(key: string, publicKey: PublicKey): 'no-relay' | 'too-many' | undefined;
  dropRelay(key: string): void;
  relay(key: string): RelayView;
}

/** Asks for relays that peers need, and passes the relays' endpoints on to them. Pure. */
export class PeerRelays {
  /** Since when a peer that had a relay does not need it. */
  readonly #spareSince = new Map<string, number>();

  /** Call this whenever something may have changed. */
  follow(
    client: RelayingClient,
    peers: ReadonlyMap<string, SoughtPeer>,
    server: string,
    problems: Problems,
    now: number,
  ): void {
    const refused: string[] = [];
    for (const [key, peer] of peers) {
      const why = this.#followOne(client, key, peer, now);
      if (why !== undefined) {
        refused.push(`peer ${key.slice(0, 8)} has no direct path, and ${server} ${WHY[why]}`);
      }
    }
    for (const key of this.#spareSince.keys()) {
      if (!peers.has(key)) {
        this.#spareSince.delete(key);
      }
    }
    if (refused.length > 0) {
      problems.raise('relay', refused.join('; '));
    } else {
      problems.clear('relay');
    }
  }

  #followOne(client: RelayingClient, key: string, peer: SoughtPeer, now: number) {
    const { isAsked, refusal, state } = client.relay(key);
    let why: keyof typeof WHY | undefined;
    if (peer.needsRelay(now)) {
      this.#spareSince.delete(key);
      why = client.isEstablished ? (client.askRelay(key, peer.publicKey) ?? refusal) : undefined;
      if (why === 'too-many' && state !== 'none') {
        why = undefined; // the peer asks
      }
    } else if (isAsked) {
      const since = this.#spareSince.get(key) ?? now;
      this.#spareSince.set(key, since);
      if (now >= since + KEEP_MS) {
        this.#spareSince.delete(key);
        client.dropRelay(key);
      }
    }
    peer.relayed(client.relay(key).endpoint as Endpoint | undefined);
    return why;
  }
}
