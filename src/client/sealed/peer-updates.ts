import type { Endpoint } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import type { PeerCandidates } from '../../wire/sealed-candidates.js';
import type { PeerEntry, RelayOffer } from '../../wire/sealed-frame-reader.js';
import type { RelayRefusal } from '../../wire/sealed-frames.js';

/** The present state of a peer, by the server and by the peer itself. */
export interface PeerUpdate {
  /** As the server observed them; undefined if it discloses none. */
  readonly ipv4: Endpoint | undefined;
  readonly ipv6: Endpoint | undefined;
  /** What the peer sealed to us about itself; undefined if there is nothing. */
  readonly candidates: PeerCandidates | undefined;
  /** Where the server relays between us and the peer; why it does not, although we ask. */
  readonly relay?: RelayOffer | undefined;
  readonly relayRefusal?: RelayRefusal | undefined;
}

/** When the server made a message: in which of our sessions, and with which counter. */
export interface MessageTime {
  readonly session: number;
  readonly counter: number;
}

interface Known extends PeerUpdate {
  readonly madeAt: MessageTime;
  readonly sealed: Uint8Array | undefined;
}

/**
 * The latest update of each peer, by base64 key. Messages overtake each other, so the latest is the one
 * that the server made last. Pure.
 */
export class PeerUpdates {
  readonly #open: (peer: PublicKey, sealed: Uint8Array) => PeerCandidates | undefined;
  readonly #known = new Map<string, Known>();

  /** @param open opens candidates; undefined if the peer did not seal them to us */
  constructor(open: (peer: PublicKey, sealed: Uint8Array) => PeerCandidates | undefined) {
    this.#open = open;
  }

  get(key: string): PeerUpdate | undefined {
    return this.#known.get(key);
  }

  /** Takes in an entry; returns the peer's state, or undefined if a later one is known already. */
  take(key: string, entry: PeerEntry, madeAt: MessageTime): PeerUpdate | undefined {
    const before = this.#known.get(key);
    if (before !== undefined && !isLater(madeAt, before.madeAt)) {
      return undefined;
    }
    const { key: publicKey, ipv4, ipv6, candidates: sealed } = entry;
    const isSame = before !== undefined && sameBytes(before.sealed, sealed);
    const candidates = isSame ? before.candidates : sealed && this.#open(publicKey, sealed);
    const { relay, relayRefusal } = entry;
    const known = { ipv4, ipv6, candidates, sealed, madeAt, relay, relayRefusal };
    this.#known.set(key, known);
    return known;
  }

  /** Forgets the peers for which the test fails. */
  keepOnly(isWanted: (key: string) => boolean): void {
    for (const key of this.#known.keys()) {
      if (!isWanted(key)) {
        this.#known.delete(key);
      }
    }
  }
}

function isLater(a: MessageTime, b: MessageTime): boolean {
  return a.session === b.session ? a.counter > b.counter : a.session > b.session;
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}
