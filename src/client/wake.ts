/** A wait that ends when its time is over or when it is woken, whichever comes first. */
export class Wake {
  #notified = false;
  #end: (() => void) | undefined;

  /** Ends the wait under way, or the next one. */
  notify(): void {
    this.#notified = true;
    this.#end?.();
  }

  /** Waits at most so many milliseconds. */
  async wait(ms: number): Promise<void> {
    if (!this.#notified) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#end = undefined;
    this.#notified = false;
  }
}
