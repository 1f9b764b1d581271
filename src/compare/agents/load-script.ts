/** The requests of one load source. Each answer triggers one datagram, which closes the loop. */
export interface LoadScript {
  /** Whether the preparations are done: from then on every answer counts. */
  readonly ready: boolean;
  /** Repeats the preparations that have no answer, because datagrams were lost. */
  restart(): void;
  /** Writes the next datagram. Returns its length; negative if there is nothing to send yet. */
  next(out: Uint8Array, at: number): number;
  /** Processes the answer at `at` and overwrites it with the next datagram. Returns its length. */
  answer(bytes: Uint8Array, at: number, length: number): number;
  /** The content of an answer as text, to check that it is correct. */
  explain(answer: Uint8Array): string;
}

/** Sends a list of datagrams in a loop. Explains answers as base64. */
export class RepeatedScript implements LoadScript {
  readonly #requests: readonly Uint8Array[];
  #next = 0;
  #answered = 0;

  constructor(requests: readonly Uint8Array[]) {
    this.#requests = requests;
  }

  /** As many answers as requests have arrived. */
  get ready(): boolean {
    return this.#answered >= this.#requests.length;
  }

  restart(): void {}

  next(out: Uint8Array, at: number): number {
    const request = this.#requests[this.#next]!;
    this.#next = (this.#next + 1) % this.#requests.length;
    out.set(request, at);
    return request.length;
  }

  answer(bytes: Uint8Array, at: number): number {
    this.#answered++;
    return this.next(bytes, at);
  }

  explain(answer: Uint8Array): string {
    return Buffer.from(answer).toString('base64');
  }
}
