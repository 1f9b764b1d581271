import type { ClassicAnswer } from '../../wire/classic.js';
import type { Endpoint } from '../../wire/endpoint.js';
import {
  CHECK_INTERVAL_MS,
  FAILED_CHECK_INTERVAL_MS,
  FIRST_CHECK_MS,
  RECHECK_MS,
} from '../timing.js';

/**
 * When a client looks itself up, and the result. A classic reply is about the other side only: a server that is full
 * still answers a host, but does not keep it. Pure: times are milliseconds of the
 * caller's clock.
 */
export class SelfCheck {
  #dueAt = Number.POSITIVE_INFINITY;
  #observed: Endpoint | undefined;
  /** Checks in a row without an endpoint: one alone may be a reply that the network duplicated. */
  #misses = 0;

  /** When the next check is due; Infinity before the first request. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** Where the server sees this host; undefined as long as that is not known. */
  get observed(): Endpoint | undefined {
    return this.#observed;
  }

  /** The server does not have this host, although it just registered. */
  get isNotKept(): boolean {
    return this.#misses > 1;
  }

  /** A request about a peer was sent. */
  requestSent(now: number): void {
    if (this.#dueAt === Number.POSITIVE_INFINITY) {
      this.#dueAt = now + FIRST_CHECK_MS;
    }
  }

  /**
   * A check was sent. One that stays without a reply is not repeated soon: until it is forgotten, answers
   * about peers count only when they come twice.
   */
  sent(now: number): void {
    this.#dueAt = now + CHECK_INTERVAL_MS;
  }

  answered(answer: ClassicAnswer, now: number): void {
    if (answer === 'unknown') {
      this.#misses += 1;
      this.#observed = undefined;
      this.#dueAt = now + (this.isNotKept ? FAILED_CHECK_INTERVAL_MS : RECHECK_MS);
    } else {
      this.#misses = 0;
      this.#observed = answer;
      this.#dueAt = now + CHECK_INTERVAL_MS;
    }
  }

  /** An address of this host changed: the next check is due at once. */
  renew(): void {
    if (this.#dueAt !== Number.POSITIVE_INFINITY) {
      this.#dueAt = Number.NEGATIVE_INFINITY;
    }
  }

  /** Another server, or another address or key of this host: what was seen does not count any more. */
  reset(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#observed = undefined;
    this.#misses = 0;
  }
}
