/** A signature and when it was made. */
export interface Signature {
  readonly bytes: Buffer;
  /** Seconds since 1970. */
  readonly madeAt: number;
}

/** Remembers signatures by what they sign; with `capacity` of them, the one not used longest goes. */
export class SignatureCache {
  private readonly signatures = new Map<string, Signature>();

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.signatures.size;
  }

  /** The signature under a key that is not older than `oldest`; else what `make` makes. */
  get(key: string, oldest: number, make: () => Signature): Signature {
    const known = this.signatures.get(key);
    const signature = known !== undefined && known.madeAt >= oldest ? known : make();
    // A Map keeps the order of insertion: the first is the one not used longest.
    this.signatures.delete(key);
    this.signatures.set(key, signature);
    this.evict();
    return signature;
  }

  private evict(): void {
    const [oldest] = this.signatures.keys();
    if (this.signatures.size > this.capacity && oldest !== undefined) {
      this.signatures.delete(oldest);
    }
  }
}
