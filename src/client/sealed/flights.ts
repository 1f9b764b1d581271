import { FIRST_RETRY_MS, MAX_RETRY_MS, retryDelay } from './timing.js';

/** Counters that are remembered of a datagram's sends: an answer to an older one comes too late to help. */
const MAX_COUNTERS = 8;

/** A datagram that is to be answered, with the names of the peers it is about. */
export class Flight {
  sends = 0;
  firstSentAt = Number.NEGATIVE_INFINITY;
  dueAt = Number.NEGATIVE_INFINITY;
  #counters: number[] = [];

  constructor(readonly names: Set<string>) {}

  /** It was sent, as the message with that counter. */
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

/** What is under way, so many datagrams at most. A name is in one of them only. */
export class Flights {
  readonly #max: number;
  readonly #flights = new Set<Flight>();
  readonly #byName = new Map<string, Flight>();

  constructor(max: number) {
    this.#max = max;
  }

  get hasRoom(): boolean {
    return this.#flights.size < this.#max;
  }

  /** Takes so many names at most out of a queue, and sets out with them. */
  launch(queue: Set<string>, max: number): Flight {
    const names = new Set([...take(queue, max)]);
    const flight = new Flight(names);
    for (const name of names) {
      queue.delete(name);
      this.#byName.set(name, flight);
    }
    this.#flights.add(flight);
    return flight;
  }

  /** One whose time to be sent has come. */
  due(now: number): Flight | undefined {
    return [...this.#flights].find(({ dueAt }) => dueAt <= now);
  }

  /** When there is one to be sent again; Infinity when none is under way. */
  get nextAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#flights].map(({ dueAt }) => dueAt));
  }

  /** The name is answered for, or of no interest any more; true when it was under way. */
  land(name: string): boolean {
    const flight = this.#byName.get(name);
    flight?.names.delete(name);
    if (flight?.names.size === 0) {
      this.#flights.delete(flight);
    }
    return this.#byName.delete(name);
  }

  /** The message with that counter is answered: the names that were in its datagram. */
  landAll(counter: number): readonly string[] {
    const flight = [...this.#flights].find((other) => other.wasSentAs(counter));
    const names = [...(flight?.names ?? [])];
    for (const name of names) {
      this.land(name);
    }
    return names;
  }

  /** All is to be sent again at once: what went out before went out in vain. */
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

function* take(names: Iterable<string>, max: number): Iterable<string> {
  let left = max;
  for (const name of names) {
    if (left-- === 0) {
      return;
    }
    yield name;
  }
}
