import { type Endpoint, sameEndpoint } from '../wire/endpoint.js';
import type { Candidates } from './finder.js';
import { CONNECTING_MS } from './timing.js';

/**
 * Which of a peer's candidates WireGuard is to try. Each has CONNECTING_MS, then comes the next, and after
 * the last the first again. A candidate is set once: where WireGuard moved on from it by itself, the peer
 * roamed, and that stands. Pure.
 */
export class Trial {
  /** The candidate in effect. */
  #current: Endpoint | undefined;
  /** The candidate chosen last, in effect or not. */
  #last: Endpoint | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;

  /**
   * The candidate to set now; undefined when what is set stays.
   * @param endpoint the one that WireGuard has
   */
  next(candidates: Candidates, endpoint: Endpoint | undefined, now: number): Endpoint | undefined {
    const isOffered = candidates.some((candidate) => sameEndpoint(candidate, this.#current));
    if (isOffered && (this.isUnderWay(now) || !sameEndpoint(endpoint, this.#current))) {
      return undefined;
    }
    const last = candidates.findIndex((candidate) => sameEndpoint(candidate, this.#last));
    const next = candidates[(last + 1) % candidates.length];
    return sameEndpoint(next, this.#current) ? undefined : next;
  }

  /** The candidate is being set. */
  start(candidate: Endpoint, now: number): void {
    this.#current = candidate;
    this.#last = candidate;
    this.#startedAt = now;
  }

  /** What was set a moment ago may still show its effect. */
  isUnderWay(now: number): boolean {
    return now - this.#startedAt < CONNECTING_MS;
  }

  /** A candidate was set and stands. */
  get isInEffect(): boolean {
    return this.#current !== undefined;
  }

  /** The candidate is not set, or not any more. */
  undone(): void {
    this.#current = undefined;
  }

  /** The peer is connected: the next trial begins with the first candidate. */
  finished(): void {
    this.#current = undefined;
    this.#last = undefined;
  }
}
