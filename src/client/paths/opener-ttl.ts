/*
 * Some gateways accept every packet from outside ("poisoning"): one that arrives before the inside host has sent
 * makes an entry of its own, and the later mapping gets another port. So the first probe of both sides may pass
 * the own gateways only, and has to end on the way. How far that is, probes to the server tell.
 */

/** Home and carrier NATs are within so many hops. */
const MAX_OPENER_TTL = 5;
const MIN_OPENER_TTL = 2;
/** The TTLs tried towards the server: longer paths are rare, and MAX_OPENER_TTL is enough for them. */
const FIRST_TTL = 2;
const LAST_TTL = 12;
/** Questions with different TTLs are this far apart. */
const SPACING_MS = 5;

/** The TTL of a first probe: it passes our own gateways, and ends well before the gateways of others. */
export function openerTtl(serverDepth: number | undefined): number {
  // Our gateways are in the first half of the way to the server, those of others beyond the second half.
  const half = Math.floor((serverDepth ?? Number.POSITIVE_INFINITY) / 2);
  return Math.min(Math.max(half, MIN_OPENER_TTL), MAX_OPENER_TTL);
}

/** A question to send to the server. */
export interface DepthQuestion {
  readonly ttl: number;
}

/**
 * Finds the smallest TTL with which a question reaches the server: asks with all of them at once, and takes the
 * smallest one that was answered. Pure: times are milliseconds.
 */
export class DepthSearch {
  #startedAt: number | undefined;
  #sent = 0;
  #smallest: number | undefined;

  /** The smallest TTL that was answered; undefined while there is none. */
  get depth(): number | undefined {
    return this.#smallest;
  }

  /** The questions to send now; they count as sent. Those that can no longer tell more are left out. */
  due(now: number): DepthQuestion[] {
    this.#startedAt ??= now;
    const count = Math.min(
      Math.floor((now - this.#startedAt) / SPACING_MS) + 1,
      LAST_TTL - FIRST_TTL + 1,
    );
    const ttls = Array.from({ length: count - this.#sent }, (_, i) => FIRST_TTL + this.#sent + i);
    this.#sent = count;
    const limit = this.#smallest ?? Number.POSITIVE_INFINITY;
    return ttls.filter((ttl) => ttl < limit).map((ttl) => ({ ttl }));
  }

  /** When there is a question to send; Infinity for never. */
  get nextAt(): number {
    if (this.#sent > LAST_TTL - FIRST_TTL) {
      return Number.POSITIVE_INFINITY;
    }
    return this.#startedAt === undefined
      ? Number.NEGATIVE_INFINITY
      : this.#startedAt + this.#sent * SPACING_MS;
  }

  /** The question with this TTL was answered. */
  answered(ttl: number): void {
    this.#smallest = Math.min(ttl, this.#smallest ?? Number.POSITIVE_INFINITY);
  }
}
