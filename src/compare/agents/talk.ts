/** What a source of load says. Each answer brings one datagram, so that the loop is closed. */
export interface Talk {
  /** Whether the preparations are over: from then on every answer counts. */
  readonly ready: boolean;
  /** Answers have been lost: what was begun has to be begun again. */
  restart(): void;
  /** Writes the next datagram; its length, negative where there is nothing to send yet. */
  next(out: Uint8Array, at: number): number;
  /** Takes an answer that is at `at`, and writes what is sent next in its place; its length. */
  answer(bytes: Uint8Array, at: number, length: number): number;
  /** What an answer says, for a check of whether it is right. */
  explain(answer: Uint8Array): string;
}

/** Datagrams that are sent one after the other, over and over. An answer is explained as base64. */
export class RepeatedTalk implements Talk {
  readonly #requests: readonly Uint8Array[];
  #next = 0;
  #answered = 0;

  constructor(requests: readonly Uint8Array[]) {
    this.#requests = requests;
  }

  /** Every request has been answered once, but for what was lost. */
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
