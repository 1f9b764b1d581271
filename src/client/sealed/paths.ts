import type { Endpoint, Family } from '../../wire/endpoint.js';
import { Flight } from './in-flight.js';
import { PING_INTERVAL_MS } from './timing.js';

/** A way to the server: one address family. */
class Path {
  sentAt = Number.NEGATIVE_INFINITY;
  /** When the server was last heard on it, in a message that shows that we are registered there. */
  registeredAt = Number.NEGATIVE_INFINITY;
  /** When the present session was heard on it last. */
  aliveAt = Number.NEGATIVE_INFINITY;
  /** Its last ping was given up, and the present session was not heard on it since. */
  isSilent = false;
  /** When that ping was sent first. */
  silentSince = Number.NEGATIVE_INFINITY;
  /** The server has asked for a proof, and has ignored what we sent until it gets one. */
  isChallenged = false;
  isUrgent = false;
  ping: Flight | undefined;
  /** How the server sees us there. */
  seenAs: Endpoint | undefined;

  get pingAt(): number {
    if (this.ping !== undefined) {
      return this.ping.dueAt;
    }
    return this.isUrgent ? Number.NEGATIVE_INFINITY : this.sentAt + PING_INTERVAL_MS;
  }
}

/** The ways to the server, which of them is used, and the pings that keep them open. Pure. */
export class Paths {
  readonly #paths = new Map<Family, Path>();
  /** Where the server was heard last. */
  #latest: Family | undefined;

  /** The families over which something can be sent now. */
  use(families: readonly Family[]): void {
    for (const family of this.#paths.keys()) {
      if (!families.includes(family)) {
        this.#paths.delete(family);
      }
    }
    for (const family of families) {
      if (!this.#paths.has(family)) {
        this.moved(family);
      }
    }
  }

  /** Our place, or the server's, is another: what was known of this path does not hold. */
  moved(family: Family): void {
    const path = new Path();
    path.isUrgent = true;
    this.#paths.set(family, path);
  }

  get isEmpty(): boolean {
    return this.#paths.size === 0;
  }

  /**
   * The families in the order in which to try them: where the server was heard last, then IPv6; with each
   * send of the same thing another one comes first.
   */
  order(sends: number): Family[] {
    const families = [...this.#paths.keys()].sort((a, b) => this.#rank(a) - this.#rank(b));
    const first = families.length === 0 ? 0 : sends % families.length;
    return [...families.slice(first), ...families.slice(0, first)];
  }

  sent(family: Family, now: number): void {
    const path = this.#paths.get(family);
    if (path !== undefined) {
      path.sentAt = now;
    }
  }

  /** A genuine message came. */
  heard(family: Family): void {
    this.#latest = family;
  }

  /** It was one of the present session: the server has it. */
  alive(family: Family, now: number): void {
    const path = this.#paths.get(family);
    if (path !== undefined) {
      path.aliveAt = now;
      path.isSilent = false;
    }
  }

  /** It was one that the server sends only where we are registered. */
  registered(family: Family, now: number): void {
    const path = this.#paths.get(family);
    if (path !== undefined) {
      path.registeredAt = now;
    }
  }

  /**
   * Whether the present session was heard over another family, and never over this one: its address may be
   * that of another server.
   */
  isStrange(family: Family): boolean {
    const heard = [...this.#paths].filter(([, { aliveAt }]) => aliveAt > Number.NEGATIVE_INFINITY);
    return heard.length > 0 && heard.every(([other]) => other !== family);
  }

  /** The families that are silent, though the server was heard over another since. */
  get outlived(): Family[] {
    const heardAt = Math.max(...[...this.#paths.values()].map(({ aliveAt }) => aliveAt));
    return [...this.#paths]
      .filter(([, { isSilent, silentSince }]) => isSilent && silentSince < heardAt)
      .map(([family]) => family);
  }

  /** Whether the server knows us there, when it forgets after so many milliseconds. */
  isRegistered(family: Family, now: number, ttlMs: number): boolean {
    const at = this.#paths.get(family)?.registeredAt;
    return at !== undefined && now - at < ttlMs;
  }

  challenged(family: Family): void {
    const path = this.#paths.get(family);
    if (path !== undefined) {
      path.isChallenged = true;
    }
  }

  /** A pong came; true when what was sent before was ignored, and is to be sent again. */
  pong(family: Family, seenAs: Endpoint): boolean {
    const path = this.#paths.get(family);
    if (path === undefined) {
      return false;
    }
    const wasChallenged = path.isChallenged;
    Object.assign(path, { isChallenged: false, ping: undefined, seenAs });
    return wasChallenged;
  }

  /** How the server sees us. */
  get seenAs(): Endpoint[] {
    return [...this.#paths.values()].flatMap(({ seenAs }) => seenAs ?? []);
  }

  /** A path over which a ping is due, with the ping. */
  pingDue(now: number): { readonly family: Family; readonly ping: Flight } | undefined {
    for (const [family, path] of this.#paths) {
      if (path.pingAt <= now) {
        path.isUrgent = false;
        path.ping ??= new Flight();
        return { family, ping: path.ping };
      }
    }
    return undefined;
  }

  /**
   * The path's ping was sent in vain: its next one is due when one would be anyhow. A path that was not
   * heard since that ping is asked at once whether it is silent as well.
   * @returns whether every path is silent: the session may be dead
   */
  givePingUp(family: Family, now: number): boolean {
    const path = this.#paths.get(family);
    const since = path?.ping?.firstSentAt;
    if (path === undefined || since === undefined) {
      return false;
    }
    const isSilent = path.aliveAt <= since;
    Object.assign(path, { ping: undefined, sentAt: now, isSilent, silentSince: since });
    const paths = [...this.#paths.values()];
    for (const other of paths) {
      other.isUrgent ||= !other.isSilent && other !== path && other.aliveAt <= since;
    }
    return paths.every(({ isSilent }) => isSilent);
  }

  /** A ping is due at once over every path, or every one but this. */
  pingNow(except?: Family): void {
    for (const [family, path] of this.#paths) {
      path.isUrgent ||= family !== except;
      path.ping = undefined;
    }
  }

  /** A new session, over that family: what was sent in the old one does not count. */
  restart(over: Family): void {
    for (const [family, path] of this.#paths) {
      path.ping = undefined;
      path.isChallenged = false;
      path.aliveAt = Number.NEGATIVE_INFINITY;
      path.isSilent = false;
      path.isUrgent &&= family !== over;
    }
  }

  get nextPingAt(): number {
    return Math.min(
      Number.POSITIVE_INFINITY,
      ...[...this.#paths.values()].map(({ pingAt }) => pingAt),
    );
  }

  #rank(family: Family): number {
    return family === this.#latest ? 0 : 10 - family;
  }
}
