/** How old a text may be. Scrapers come every few seconds; who comes more often gets the same again. */
const MAX_AGE_MS = 250;

/** A text that takes work to make: made when it is asked for, but no more often than every 250 ms. */
export class SharedText {
  private text: Promise<string> | undefined;
  private madeAt = 0;

  /** @param now of a clock that does not go back, in milliseconds */
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
