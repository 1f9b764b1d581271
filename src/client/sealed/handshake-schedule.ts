import { retryDelay } from './in-flight.js';

/** An unanswered initiation is sent again after this long at first; the wait doubles with each. */
const FIRST_RETRY_MS = 300;
const MAX_RETRY_MS = 2000;

/** One with a cookie is replaced, not repeated, so the wait has to grow beyond any round trip. */
const MAX_COOKIE_RETRY_MS = 8000;

/** How long to wait at least for the answer to an initiation with a cookie, as far as the round trip is known. */
const ROUND_TRIPS_TO_WAIT = 2;

/** After so many unanswered initiations, some five minutes, they are this far apart. */
const PATIENT_HANDSHAKES = 150;
const PATIENT_RETRY_MS = 25_000;

/** Handshakes are no closer together than this. */
const HANDSHAKE_SPACING_MS = 300;

/** A refused handshake is tried again after this long at first; the wait doubles with each. */
const FIRST_REFUSED_RETRY_MS = 2000;
const MAX_REFUSED_RETRY_MS = 25_000;

/** When to send initiations. Pure. */
export class HandshakeSchedule {
  /** The longest wait for an answer, in place of the usual ones where it is shorter. */
  maxRetryMs = Number.POSITIVE_INFINITY;
  #dueAt = Number.POSITIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** When the first initiation since the last response was sent. */
  #beganAt = Number.NEGATIVE_INFINITY;
  #sends = 0;
  #refusals = 0;

  /** When to send the next initiation; Infinity while none is needed. */
  get dueAt(): number {
    return this.#dueAt;
  }

  get isIdle(): boolean {
    return this.#dueAt === Number.POSITIVE_INFINITY;
  }

  /** Initiations since the last response. */
  get sends(): number {
    return this.#sends;
  }

  /** Schedules an initiation, at least `spacing` ms after the last one. */
  need(now: number, spacing = HANDSHAKE_SPACING_MS): void {
    this.#dueAt = Math.min(this.#dueAt, Math.max(now, this.#sentAt + spacing));
  }

  /**
   * A scheduled initiation was sent, with a cookie or without.
   * @param roundTripMs to the server, where it is known
   */
  sent(now: number, hasCookie: boolean, roundTripMs = 0): void {
    if (this.#sends === 0) {
      this.#beganAt = now;
    }
    this.#sends++;
    this.#await(now, hasCookie ? MAX_COOKIE_RETRY_MS : MAX_RETRY_MS);
    if (hasCookie) {
      this.#waitFor(now, Math.min(ROUND_TRIPS_TO_WAIT * roundTripMs, MAX_COOKIE_RETRY_MS));
    }
  }

  /** An initiation was sent before its time, with the cookie that arrived for the one before. */
  resent(now: number): void {
    const cookieTookMs = now - this.#beganAt;
    this.#await(now, MAX_COOKIE_RETRY_MS);
    this.#waitFor(now, Math.min(ROUND_TRIPS_TO_WAIT * cookieTookMs, MAX_RETRY_MS));
  }

  /** The next initiation makes the answer to this one useless: it waits until that answer is overdue. */
  #waitFor(now: number, ms: number): void {
    this.#dueAt = Math.max(this.#dueAt, now + ms);
  }

  /** There is a session. */
  succeeded(): void {
    this.#sends = 0;
    this.#refusals = 0;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** The server refused: it is asked less and less often, because asking does not change its answer. */
  refused(now: number): void {
    this.#sends = 0;
    this.#refusals++;
    this.#dueAt = now + retryDelay(this.#refusals, FIRST_REFUSED_RETRY_MS, MAX_REFUSED_RETRY_MS);
  }

  /** The server knows a later timestamp: the next initiation will have a later one still. */
  wasStale(): void {
    this.#sends = 0;
    this.#dueAt = this.#sentAt + HANDSHAKE_SPACING_MS;
  }

  #await(now: number, max: number): void {
    this.#sentAt = now;
    const wait =
      this.#sends >= PATIENT_HANDSHAKES
        ? PATIENT_RETRY_MS
        : retryDelay(this.#sends, FIRST_RETRY_MS, max);
    this.#dueAt = now + Math.min(wait, this.maxRetryMs);
  }
}
