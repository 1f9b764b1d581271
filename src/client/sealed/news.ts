import type { Endpoint } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import type { PeerEntry } from '../../wire/sealed-frame-reader.js';

/** What the server says of a peer, and the peer itself in its offer. */
export interface PeerNews {
  /** As the server observed it; neither where it has nothing to say. */
  readonly ipv4: Endpoint | undefined;
  readonly ipv6: Endpoint | undefined;
  /** The peer's local addresses, from its offer. */
  readonly offers: readonly Endpoint[];
}

/** When something was said: in which of our sessions, and in the message with which counter. */
export interface Moment {
  readonly session: number;
  readonly counter: number;
}

interface Known extends PeerNews {
  readonly saidAt: Moment;
  readonly offer: Uint8Array | undefined;
}

/** What was said last of each peer: messages overtake each other, so what counts is when they were made. */
export class NewsBook {
  readonly #open: (peer: PublicKey, offer: Uint8Array) => Endpoint[] | undefined;
  readonly #known = new Map<string, Known>();

  /** @param open opens an offer; undefined where the peer did not seal it to us */
  constructor(open: (peer: PublicKey, offer: Uint8Array) => Endpoint[] | undefined) {
    this.#open = open;
  }

  get(name: string): PeerNews | undefined {
    return this.#known.get(name);
  }

  /** Takes in an entry; what is now known, or undefined when something newer is known already. */
  take(name: string, entry: PeerEntry, saidAt: Moment): PeerNews | undefined {
    const before = this.#known.get(name);
    if (before !== undefined && !isLater(saidAt, before.saidAt)) {
      return undefined;
    }
    const { key, ipv4, ipv6, offer } = entry;
    const isSame = before !== undefined && sameBytes(before.offer, offer);
    const offers = isSame ? before.offers : ((offer && this.#open(key, offer)) ?? []);
    const known = { ipv4, ipv6, offer, offers, saidAt };
    this.#known.set(name, known);
    return known;
  }

  /** Forgets those for whom the test fails. */
  keepOnly(isWanted: (name: string) => boolean): void {
    for (const name of this.#known.keys()) {
      if (!isWanted(name)) {
        this.#known.delete(name);
      }
    }
  }
}

function isLater(a: Moment, b: Moment): boolean {
  return a.session === b.session ? a.counter > b.counter : a.session > b.session;
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}
