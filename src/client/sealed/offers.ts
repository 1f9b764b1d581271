import type { PublicKey } from '../../wire/key.js';
import { FRAME, maxItems } from '../../wire/sealed-frames.js';
import { type Flight, InFlight, takeFrom } from './in-flight.js';
import { OFFERS_IN_FLIGHT } from './timing.js';

const OFFERS_PER_DATAGRAM = maxItems(FRAME.offer);

interface Acquaintance {
  readonly key: PublicKey;
  /** Sealed once for the addresses of this time: an offer that says the same is pushed to nobody. */
  offer: Uint8Array | undefined;
}

/** Offers to send. */
export interface OfferList {
  readonly offers: readonly { readonly key: PublicKey; readonly offer: Uint8Array }[];
  readonly flight: Flight;
}

/** Our local addresses, sealed to each peer that wants to meet us as well, when they are first sent. Pure. */
export class Offers {
  readonly #seal: (peer: PublicKey) => Uint8Array | undefined;
  readonly #peers = new Map<string, Acquaintance>();
  readonly #queue = new Set<string>();
  readonly #flights = new InFlight(OFFERS_IN_FLIGHT);

  /** @param seal seals our addresses to a peer; undefined where that cannot be, or there are none */
  constructor(seal: (peer: PublicKey) => Uint8Array | undefined) {
    this.#seal = seal;
  }

  /** The peer wants to meet us as well. */
  meet(name: string, key: PublicKey): void {
    if (!this.#peers.has(name)) {
      this.#peers.set(name, { key, offer: undefined });
      this.#queue.add(name);
    }
  }

  /** The server may have dropped our offer to a peer that we met: it is sent again, as it was. */
  repeat(name: string): void {
    if (this.#peers.has(name)) {
      this.#flights.land(name);
      this.#queue.add(name);
    }
  }

  /** The peer does not want to meet us, or we do not want to meet it: the server forgets our offer. */
  part(name: string): void {
    this.#peers.delete(name);
    this.#queue.delete(name);
    this.#flights.land(name);
  }

  /** Parts from those for whom the test fails. */
  keepOnly(isWanted: (name: string) => boolean): void {
    for (const name of this.#peers.keys()) {
      if (!isWanted(name)) {
        this.part(name);
      }
    }
  }

  /** Every offer is sent again: in a new session the server may have none of them. */
  restart(): void {
    this.#flights.clear();
    for (const name of this.#peers.keys()) {
      this.#queue.add(name);
    }
  }

  /** Our addresses are others. */
  addressesChanged(): void {
    for (const peer of this.#peers.values()) {
      peer.offer = undefined;
    }
    this.restart();
  }

  /** The offers to send now, if any; their flight is to be told when they were sent. */
  next(now: number): OfferList | undefined {
    const due = this.#flights.due(now);
    if (due === undefined && (this.#queue.size === 0 || !this.#flights.hasRoom)) {
      return undefined;
    }
    const flight = due ?? this.#flights.launch(takeFrom(this.#queue, OFFERS_PER_DATAGRAM));
    const offers = [...flight.names].flatMap((name) => this.#offerTo(name));
    return offers.length > 0 ? { offers, flight } : this.next(now);
  }

  /** When there are offers to send, if nothing happens before. */
  get nextAt(): number {
    const queued = this.#queue.size > 0 && this.#flights.hasRoom;
    return queued ? Number.NEGATIVE_INFINITY : this.#flights.nextAt;
  }

  /** The server acknowledged our message with that counter. */
  acknowledged(counter: number): void {
    const flight = this.#flights.find(counter);
    if (flight !== undefined) {
      this.#flights.landAll(flight);
    }
  }

  #offerTo(name: string): { key: PublicKey; offer: Uint8Array }[] {
    const peer = this.#peers.get(name);
    const offer = peer && (peer.offer ?? this.#seal(peer.key));
    if (peer === undefined || offer === undefined) {
      this.#flights.land(name);
      return [];
    }
    peer.offer = offer;
    return [{ key: peer.key, offer }];
  }
}
