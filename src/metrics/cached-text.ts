/** The greatest age of a text. Scrapers come every few seconds; more frequent ones share a text. */
const MAX_AGE_MS = 250;

/** A text that is expensive to make: made on demand, but no more often than every 250 ms. */
export class CachedText {
  private text: Promise<string> | undefined;
  private madeAt = 0;

  /** @param now monotonic ms */
  constructor(
    private readonly make: () => Promise<string>,
    private readonly now: () => number,
  ) {}

  get(): Promise<string> {
    const now = this.now();
    if (this.text === undefined || now - this.madeAt >= MAX_AGE_MS) {
      this.text = this.make();
      this.madeAt = now;
    }
    return this.text;
  }
}
