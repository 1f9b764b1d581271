import {
  FIRST_HANDSHAKE_RETRY_MS,
  FIRST_REFUSED_RETRY_MS,
  HANDSHAKE_SPACING_MS,
  MAX_COOKIE_RETRY_MS,
  MAX_HANDSHAKE_RETRY_MS,
  MAX_REFUSED_RETRY_MS,
  PATIENT_HANDSHAKE_RETRY_MS,
  PATIENT_HANDSHAKES,
  retryDelay,
} from './timing.js';

/** When initiations are sent. Pure. */
export class HandshakeSchedule {
  #dueAt = Number.POSITIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  #sends = 0;
  #refusals = 0;

  /** When the next one is to be sent; Infinity while none is needed. */
  get dueAt(): number {
    return this.#dueAt;
  }

  get isIdle(): boolean {
    return this.#dueAt === Number.POSITIVE_INFINITY;
  }

  /** Initiations since one was answered by a response. */
  get sends(): number {
    return this.#sends;
  }

  /** One is needed, no sooner than so long after the last. */
  need(now: number, spacing = HANDSHAKE_SPACING_MS): void {
    this.#dueAt = Math.min(this.#dueAt, Math.max(now, this.#sentAt + spacing));
  }

  /** One was sent for its time, with a cookie or without. */
  sent(now: number, hasCookie: boolean): void {
    this.#sends++;
    this.#await(now, hasCookie ? MAX_COOKIE_RETRY_MS : MAX_HANDSHAKE_RETRY_MS);
  }

  /** The same one was sent again, with the cookie that came for it. */
  resent(now: number): void {
    this.#await(now, MAX_COOKIE_RETRY_MS);
  }

  /** There is a session. */
  succeeded(): void {
    this.#sends = 0;
    this.#refusals = 0;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** The server does not want us: less and less often, because its mind is not changed by asking. */
  refused(now: number): void {
    this.#sends = 0;
    this.#refusals++;
    this.#dueAt = now + retryDelay(this.#refusals, FIRST_REFUSED_RETRY_MS, MAX_REFUSED_RETRY_MS);
  }

  /** The server has seen a later timestamp: the next one will be later still. */
  wasStale(): void {
    this.#sends = 0;
    this.#dueAt = this.#sentAt + HANDSHAKE_SPACING_MS;
  }

  #await(now: number, max: number): void {
    this.#sentAt = now;
    this.#dueAt =
      now +
      (this.#sends >= PATIENT_HANDSHAKES
        ? PATIENT_HANDSHAKE_RETRY_MS
        : retryDelay(this.#sends, FIRST_HANDSHAKE_RETRY_MS, max));
  }
}
