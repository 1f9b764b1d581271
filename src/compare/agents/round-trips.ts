/**
 * How many round trips one after the other an exchange takes, as a relay in its middle can tell: a
 * request is one deeper than the deepest answer that was delivered before it was sent, an answer is as
 * deep as the deepest request that had reached the server. Pure: the caller says what happens, in order.
 */
export class RoundTrips {
  #delivered = 0;
  #served = 0;

  /** A request has left the client: its depth. */
  request(): number {
    return this.#delivered + 1;
  }

  /** A request has reached the server. */
  served(depth: number): void {
    this.#served = Math.max(this.#served, depth);
  }

  /** The depth of an answer that leaves the server now. */
  get answerDepth(): number {
    return this.#served;
  }

  /** An answer has reached the client. */
  delivered(depth: number): void {
    this.#delivered = Math.max(this.#delivered, depth);
  }

  /** The longest chain of requests and answers that is complete. */
  get longest(): number {
    return this.#delivered;
  }
}
