import type { Family } from '../../wire/endpoint.js';
import { Flight } from './in-flight.js';

/**
 * The server keeps a registration by an initiation for 10 s, unless data comes. Most often it does: candidates, or
 * the acknowledgement of a push. Else a ping leaves after this long; so it does where the data that left got no answer
 * in that time.
 */
export const CONFIRM_AFTER_MS = 500;

/** One way to the server: an address family. */
class ServerPath {
  sentAt = Number.NEGATIVE_INFINITY;
  /** When the last message arrived here that the server sends to registered addresses only. */
  registeredAt = Number.NEGATIVE_INFINITY;
  /** When the last message of the present session arrived here. */
  aliveAt = Number.NEGATIVE_INFINITY;
  /** Its last ping was given up, and nothing of the present session arrived here since. */
  isSilent = false;
  /** When that ping was first sent. */
  silentSince = Number.NEGATIVE_INFINITY;
  /** The server sent a path challenge: what was sent here before was ignored. */
  isChallenged = false;
  isUrgent = false;
  /** The server waits for data: a ping is due then, unless other data is sent, and answered, before. */
  confirmAt = Number.POSITIVE_INFINITY;
  /** Data was sent since, and its answer is awaited. */
  isConfirming = false;
  ping: Flight | undefined;

  /** The server has data of ours, or no more is to be done about it. */
  confirmed(): void {
    this.confirmAt = Number.POSITIVE_INFINITY;
    this.isConfirming = false;
  }
}

/** The ways to the server: which is used first, and the pings that keep them open. Pure. */
export class ServerPaths {
  readonly #paths = new Map<Family, ServerPath>();
  readonly #pingIntervalMs: number;
  /** The family over which the server was heard last. */
  #latest: Family | undefined;
  /** The interval on the path used first; that of the other is never shorter than the usual one. */
  #firstIntervalMs: number;

  /** @param pingIntervalMs between the last message on a path and its ping */
  constructor(pingIntervalMs: number) {
    this.#pingIntervalMs = pingIntervalMs;
    this.#firstIntervalMs = pingIntervalMs;
  }

  /** Shortens the time until a ping, on the path that is used first. */
  pingEvery(intervalMs: number): void {
    this.#firstIntervalMs = Math.min(intervalMs, this.#pingIntervalMs);
  }

  /** Sets the families over which something can be sent now. */
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

  /** Our address in this family, or the server's, changed: what was known of the path is void. */
  moved(family: Family): void {
    const path = new ServerPath();
    path.isUrgent = true;
    this.#paths.set(family, path);
  }

  get isEmpty(): boolean {
    return this.#paths.size === 0;
  }

  /**
   * The families in the order in which to try them: the one over which the server was heard last, then
   * IPv6. Each repetition begins with another one.
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
      if (path.confirmAt < Number.POSITIVE_INFINITY && !path.isConfirming) {
        path.isConfirming = true;
        path.confirmAt = now + CONFIRM_AFTER_MS;
      }
    }
  }

  /** A genuine message arrived. */
  heard(family: Family): void {
    this.#latest = family;
  }

  /** It was one of the present session. */
  alive(family: Family, now: number): void {
    const path = this.#paths.get(family);
    if (path !== undefined) {
      path.aliveAt = now;
      path.isSilent = false;
    }
  }

  /** It was one that the server sends to registered addresses only. */
  registered(family: Family, now: number): void {
    const path = this.#paths.get(family);
    if (path !== undefined) {
      path.registeredAt = now;
      if (path.isConfirming) {
        path.confirmed();
      }
    }
  }

  /**
   * Whether the present session was heard over another family, and never over this one, whose address may
   * be that of another server.
   */
  isStrange(family: Family): boolean {
    const heard = [...this.#paths].filter(([, { aliveAt }]) => aliveAt > Number.NEGATIVE_INFINITY);
    return heard.length > 0 && heard.every(([other]) => other !== family);
  }

  /** The silent families, where the server was heard over another since. */
  get outlived(): Family[] {
    const heardAt = Math.max(...[...this.#paths.values()].map(({ aliveAt }) => aliveAt));
    return [...this.#paths]
      .filter(([, { isSilent, silentSince }]) => isSilent && silentSince < heardAt)
      .map(([family]) => family);
  }

  /** Whether the server knows our address in this family, if it forgets one after `ttlMs`. */
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

  /** A pong arrived; true if the server ignored what was sent before, so that it has to be repeated. */
  pong(family: Family): boolean {
    const path = this.#paths.get(family);
    if (path === undefined) {
      return false;
    }
    const wasChallenged = path.isChallenged;
    path.isChallenged = false;
    path.ping = undefined;
    return wasChallenged;
  }

  /** A path on which a ping is due. */
  pingDue(now: number): { readonly family: Family; readonly ping: Flight } | undefined {
    for (const [family, path] of this.#paths) {
      if (this.#pingAt(family, path) <= now) {
        path.isUrgent = false;
        path.ping ??= new Flight();
        return { family, ping: path.ping };
      }
    }
    return undefined;
  }

  /**
   * Gives up a ping that was never answered; the next is due in its usual time. Paths on which nothing
   * arrived since that ping are pinged at once.
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
    path.confirmed();
    const paths = [...this.#paths.values()];
    for (const other of paths) {
      other.isUrgent ||= !other.isSilent && other !== path && other.aliveAt <= since;
    }
    return paths.every(({ isSilent }) => isSilent);
  }

  /** Makes a ping due at once on every path, or on every one but this. */
  pingNow(except?: Family): void {
    for (const [family, path] of this.#paths) {
      if (family !== except) {
        path.isUrgent = true;
        path.ping = undefined;
      }
    }
  }

  /**
   * A new session, by a handshake over that family: what was sent in the old one does not count.
   * @param confirmAt when a ping is due over that family, unless other data is sent, and answered, before
   */
  restart(over: Family, confirmAt = Number.POSITIVE_INFINITY): void {
    for (const [family, path] of this.#paths) {
      path.ping = undefined;
      path.isChallenged = false;
      path.aliveAt = Number.NEGATIVE_INFINITY;
      path.isSilent = false;
      path.isUrgent &&= family !== over;
      path.confirmAt = family === over ? confirmAt : path.confirmAt;
      path.isConfirming &&= family !== over;
    }
  }

  /** When the next ping is due; Infinity for never. */
  get nextPingAt(): number {
    return Math.min(
      Number.POSITIVE_INFINITY,
      ...[...this.#paths].map(([family, path]) => this.#pingAt(family, path)),
    );
  }

  #pingAt(family: Family, { ping, isUrgent, sentAt, confirmAt }: ServerPath): number {
    if (ping !== undefined) {
      return ping.dueAt;
    }
    const interval = family === this.order(0)[0] ? this.#firstIntervalMs : this.#pingIntervalMs;
    return isUrgent ? Number.NEGATIVE_INFINITY : Math.min(sentAt + interval, confirmAt);
  }

  #rank(family: Family): number {
    return family === this.#latest ? 0 : 10 - family;
  }
}
