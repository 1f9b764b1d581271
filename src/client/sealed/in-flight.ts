import { FIRST_RETRY_MS, MAX_RETRY_MS, retryDelay } from './timing.js';

/** Counters remembered of a datagram's sends: an answer to an older one arrives too late to help. */
const MAX_COUNTERS = 8;

/** A datagram that needs an answer, with the base64 keys of the peers it is about. */
export class Flight {
  sends = 0;
  firstSentAt = Number.NEGATIVE_INFINITY;
  dueAt = Number.NEGATIVE_INFINITY;
  #counters: number[] = [];

  /** @param part the number of a part of the want list */
  constructor(
    readonly names = new Set<string>(),
    readonly part = 0,
  ) {}

  /** Notes that it was sent, as the message with that counter. */
  sent(counter: number, now: number): void {
    if (this.sends === 0) {
      this.firstSentAt = now;
    }
    this.sends++;
    this.dueAt = now + retryDelay(this.sends, FIRST_RETRY_MS, MAX_RETRY_MS);
    this.#counters = [...this.#counters, counter].slice(-MAX_COUNTERS);
  }

  wasSentAs(counter: number): boolean {
    return this.#counters.includes(counter);
  }
}

/** Datagrams that wait for their answer, a bounded number of them. A peer is in one of them at most. */
export class InFlight {
  readonly #max: number;
  readonly #flights = new Set<Flight>();
  readonly #byName = new Map<string, Flight>();

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
  launch(names: Iterable<string>, part = 0): Flight {
    const flight = new Flight(new Set(names), part);
    for (const name of flight.names) {
      this.#byName.set(name, flight);
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
  land(name: string): void {
    const flight = this.#byName.get(name);
    flight?.names.delete(name);
    this.#byName.delete(name);
    if (flight?.names.size === 0) {
      this.#flights.delete(flight);
    }
  }

  /** A datagram is answered as a whole. */
  landAll(flight: Flight): void {
    this.#flights.delete(flight);
    for (const name of flight.names) {
      this.#byName.delete(name);
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
    this.#byName.clear();
  }
}

/** Takes at most `max` items out of a queue, the oldest first. */
export function takeFrom(queue: Set<string>, max: number): string[] {
  const taken = [...queue.values()].slice(0, max);
  for (const name of taken) {
    queue.delete(name);
  }
  return taken;
}
