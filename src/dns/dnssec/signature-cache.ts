/** A signature and when it was made. */
export interface Signature {
  readonly bytes: Buffer;
  /** Seconds since 1970. */
  readonly madeAt: number;
}

/**
 * Keeps signatures by the data that they sign, each for `lifetime` seconds, and at most `capacity` of
 * them: the least recently used one goes first.
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

  /** The signature kept under a key at `now`; else a new one from `make`. */
  get(key: string, now: number, make: () => Buffer): Signature {
    const known = this.signatures.get(key);
    const signature =
      known !== undefined && this.isFresh(known, now) ? known : { bytes: make(), madeAt: now };
    // A Map keeps the order of insertion: the first entry is the least recently used.
    this.signatures.delete(key);
    this.signatures.set(key, signature);
    this.evict();
    return signature;
  }

  /** Ignores entries from the future: the clock was set back. */
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
