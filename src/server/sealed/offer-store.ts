import { SEALED_CANDIDATES_LENGTH } from '../../wire/sealed-frames.js';

/** No offer. */
export const NO_OFFER = 0;

const INITIAL_OFFERS = 64;

/** Sealed offers side by side, numbered from 1; memory grows by doubling up to the bound. */
export class OfferStore {
  private slab = new Uint8Array(INITIAL_OFFERS * SEALED_CANDIDATES_LENGTH);
  private readonly free: number[] = [];
  private highest = 0;

  constructor(private readonly maxOffers: number) {}

  get size(): number {
    return this.highest - this.free.length;
  }

  get memory(): number {
    return this.slab.byteLength;
  }

  /** Stores 88 bytes of source at `from`; NO_OFFER when there is no room. */
  add(source: Uint8Array, from: number): number {
    if (this.size >= this.maxOffers) {
      return NO_OFFER;
    }
    const offer = this.free.pop() ?? ++this.highest;
    if (offer * SEALED_CANDIDATES_LENGTH > this.slab.length) {
      const larger = new Uint8Array(2 * this.slab.length);
      larger.set(this.slab);
      this.slab = larger;
    }
    this.put(offer, source, from);
    return offer;
  }

  /** Stores other bytes under the same number; false when they are the same. */
  replace(offer: number, source: Uint8Array, from: number): boolean {
    const at = (offer - 1) * SEALED_CANDIDATES_LENGTH;
    let difference = 0;
    for (let i = 0; i < SEALED_CANDIDATES_LENGTH; i++) {
      difference |= this.slab[at + i]! ^ source[from + i]!;
    }
    if (difference === 0) {
      return false;
    }
    this.put(offer, source, from);
    return true;
  }

  /** The offer's 88 bytes; a view that is good until the next offer is stored. */
  read(offer: number): Uint8Array {
    const from = (offer - 1) * SEALED_CANDIDATES_LENGTH;
    return this.slab.subarray(from, from + SEALED_CANDIDATES_LENGTH);
  }

  remove(offer: number): void {
    this.free.push(offer);
  }

  private put(offer: number, source: Uint8Array, from: number): void {
    this.slab.set(
      source.subarray(from, from + SEALED_CANDIDATES_LENGTH),
      (offer - 1) * SEALED_CANDIDATES_LENGTH,
    );
  }
}
