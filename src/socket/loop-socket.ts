/** What keeps the event loop running while it is open. */
interface LoopHandle {
  ref(): unknown;
  unref(): unknown;
}

/** What all sockets have in common: they close once, and keep the process running unless told otherwise. */
export abstract class LoopSocket implements AsyncDisposable {
  readonly #handle: LoopHandle;
  #closed: Promise<void> | undefined;

  constructor(handle: LoopHandle) {
    this.#handle = handle;
  }

  /** Idempotent; done when the descriptor is closed. */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      let settle: (outcome: Promise<void>) => void = () => {};
      // Stored before the work starts, which may call back into close().
      this.#closed = new Promise((resolve) => {
        settle = resolve;
      });
      settle(this.shut());
    }
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** An open socket keeps the process running; this is the default. */
  ref(): this {
    this.#handle.ref();
    return this;
  }

  /** The process may end while the socket is open. */
  unref(): this {
    this.#handle.unref();
    return this;
  }

  /** Whether close() was called. */
  protected get closing(): boolean {
    return this.#closed !== undefined;
  }

  /** Closes the descriptor; called once. */
  protected abstract shut(): Promise<void>;
}
