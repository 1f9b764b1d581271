/** A signature and when it was made. */
export interface Signature {
  readonly bytes: Buffer;
  /** Seconds since 1970. */
  readonly madeAt: number;
}

/**
 * Remembers signatures by what they sign, each for `lifetime` seconds. With `capacity` of them, the one
 * not used longest goes.
 */
export class SignatureCache {
  private readonly signatures = new Map<string, Signature>();

  constructor(
    private readonly capacity: number,
    private readonly lifetime: number,
  ) {}

  get size(): number {
    return this.signatures.size;
  }

  /** The signature that is known under a key at `now`; else what `make` makes. */
  get(key: string, now: number, make: () => Buffer): Signature {
    const known = this.signatures.get(key);
    const signature =
      known !== undefined && this.isFresh(known, now) ? known : { bytes: make(), madeAt: now };
    // A Map keeps the order of insertion: the first is the one not used longest.
    this.signatures.delete(key);
    this.signatures.set(key, signature);
    this.evict();
    return signature;
  }

  /** One of the future is none: the clock was set back. */
  private isFresh({ madeAt }: Signature, now: number): boolean {
    return madeAt <= now && now <= madeAt + this.lifetime;
  }

  private evict(): void {
    const [oldest] = this.signatures.keys();
    if (this.signatures.size > this.capacity && oldest !== undefined) {
      this.signatures.delete(oldest);
    }
  }
}
