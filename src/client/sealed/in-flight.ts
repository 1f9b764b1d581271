/** A datagram that needs an answer is sent again after this long at first; the wait doubles with each. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 2000;

/** Counters remembered of a datagram's sends: an answer to an older one arrives too late to help. */
const MAX_COUNTERS = 8;

/**
 * The wait after a send, in milliseconds.
 * @param sends how often it was sent, from 1 on
 * @param first the wait after the first; it doubles with each, up to `max`
 */
export function retryDelay(sends: number, first: number, max: number): number {
  return Math.min(first * 2 ** (sends - 1), max);
}

/** A datagram that needs an answer, with the base64 keys of the peers it is about. */
export class Flight {
  sends = 0;
  firstSentAt = Number.NEGATIVE_INFINITY;
  dueAt = Number.NEGATIVE_INFINITY;
  #counters: number[] = [];

  /** @param part the number of a part of the want list */
  constructor(
    readonly keys = new Set<string>(),
    readonly part = 0,
  ) {}

  /**
   * Notes that it was sent, as the message with that counter.
   * @param firstRetryMs the wait after the first time, which doubles with each
   */
  sent(counter: number, now: number, firstRetryMs = FIRST_RETRY_MS): void {
    if (this.sends === 0) {
      this.firstSentAt = now;
    }
    this.sends++;
    this.dueAt = now + retryDelay(this.sends, firstRetryMs, MAX_RETRY_MS);
    this.#counters = [...this.#counters, counter].slice(-MAX_COUNTERS);
  }

  wasSentAs(counter: number): boolean {
    return this.#counters.includes(counter);
  }
}

/** Datagrams that wait for their answer, a bounded number. A peer is in one of them at most. */
export class InFlight {
  readonly #max: number;
  readonly #flights = new Set<Flight>();
  readonly #byKey = new Map<string, Flight>();

  constructor(max: number) {
    this.#max = max;
  }

  get hasRoom(): boolean {
    return this.#flights.size < this.#max;
  }

  get isEmpty(): boolean {
    return this.#flights.size === 0;
  }

  /** Adds a datagram, which is due at once. */
  launch(keys: Iterable<string>, part = 0): Flight {
    const flight = new Flight(new Set(keys), part);
    for (const key of flight.keys) {
      this.#byKey.set(key, flight);
    }
    this.#flights.add(flight);
    return flight;
  }

  /** A datagram that is due. */
  due(now: number): Flight | undefined {
    return [...this.#flights].find(({ dueAt }) => dueAt <= now);
  }

  /** When the next datagram is due; Infinity for never. */
  get nextAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#flights].map(({ dueAt }) => dueAt));
  }

  /** The datagram that was sent as the message with that counter. */
  find(counter: number): Flight | undefined {
    return [...this.#flights].find((flight) => flight.wasSentAs(counter));
  }

  /** A peer needs no answer any more. A datagram without peers is done. */
  land(key: string): void {
    const flight = this.#byKey.get(key);
    flight?.keys.delete(key);
    this.#byKey.delete(key);
    if (flight?.keys.size === 0) {
      this.#flights.delete(flight);
    }
  }

  /** A datagram is answered as a whole. */
  landAll(flight: Flight): void {
    this.#flights.delete(flight);
    for (const key of flight.keys) {
      this.#byKey.delete(key);
    }
  }

  /** Makes everything due at once: what was sent before did not arrive. */
  hurry(): void {
    for (const flight of this.#flights) {
      flight.dueAt = Number.NEGATIVE_INFINITY;
    }
  }

  clear(): void {
    this.#flights.clear();
    this.#byKey.clear();
  }
}

/** Takes at most `max` keys out of a queue, the oldest first. */
export function takeFrom(queue: Set<string>, max: number): string[] {
  const taken = [...queue].slice(0, max);
  for (const key of taken) {
    queue.delete(key);
  }
  return taken;
}
