import { lookup } from 'node:dns/promises';
import { addressFamily, type Endpoint, endpoint, FAMILIES, type Family } from '../wire/endpoint.js';
import type { Problems } from './problems.js';
import type { AddressStore } from './saved-addresses.js';
import { MAX_RETRY_MS, MIN_RETRY_MS, REFRESH_INTERVAL_MS, RESOLVE_INTERVAL_MS } from './timing.js';
import { traceDecision } from './trace.js';

/** The rendezvous server as the user named it. */
export interface ServerName {
  /** A host name or an address. */
  readonly host: string;
  readonly port: number;
}

/** A first lookup that takes longer makes room for the saved addresses: a resolver may be out of reach. */
const PATIENCE_MS = 1000;

type Lookup = (host: string) => Promise<readonly string[]>;

/**
 * The server's addresses, and which one to send to (RFC 8305 in spirit). A name is resolved again and
 * again, in the background, as addresses change; while it cannot be, the addresses of the last lookup
 * serve, also those of an earlier run.
 *
 * Of several addresses the first is used, IPv4 before IPv6 because a reply has an endpoint of the
 * request's own family. An address without a route is skipped at once (`unreachable`), a silent one is
 * left for the next (`advance`), and one that answers stays (`isAnswering`).
 */
export class ServerLocator {
  readonly #server: ServerName;
  readonly #lookup: Lookup;
  readonly #changed: () => void;
  readonly #saved: AddressStore | undefined;
  /** The server answers: its addresses in use stay while the name has them. */
  isAnswering = false;
  #endpoints: readonly Endpoint[] = [];
  #index = 0;
  /** Of the addresses of each family, for clients that use both. */
  readonly #familyIndex: Record<Family, number> = { 4: 0, 6: 0 };
  /** When an address was left because the server was silent in that family only. */
  readonly #leftAt: Record<Family, number> = { 4: -Infinity, 6: -Infinity };
  /** Addresses without a route, and until when to skip them. */
  readonly #unreachable = new Map<string, number>();
  #lookupSince: number | undefined;
  #lookAt = Number.NEGATIVE_INFINITY;
  #retryMs = MIN_RETRY_MS;
  #error: string | undefined;

  /**
   * @param changed called when `endpoint` or `error` may have changed
   * @param saved keeps addresses from one run to the next
   */
  constructor(
    server: ServerName,
    changed: () => void,
    { lookUp = systemLookup, saved }: { lookUp?: Lookup; saved?: AddressStore | undefined } = {},
  ) {
    this.#server = server;
    this.#lookup = lookUp;
    this.#changed = changed;
    this.#saved = saved;
    if (addressFamily(server.host) !== undefined) {
      this.#endpoints = [endpoint(server.host, server.port)];
      this.#lookAt = Number.POSITIVE_INFINITY;
    }
  }

  /** Where to send to now; undefined until the name was resolved. */
  get endpoint(): Endpoint | undefined {
    return this.#reachableFrom(this.#endpoints, this.#index) ?? this.#endpoints[this.#index];
  }

  /**
   * The same for one address family, for clients that can use both. Undefined if no address of the
   * family has a route, but one of the other family has.
   */
  endpointOf(family: Family): Endpoint | undefined {
    const endpoints = this.#endpointsOf(family);
    const index = this.#familyIndex[family] % endpoints.length;
    const reachable = this.#reachableFrom(endpoints, index);
    const otherIsReachable = this.#endpoints.some((it) => !this.#isUnreachable(it));
    return reachable ?? (otherIsReachable ? undefined : endpoints[index]);
  }

  /** Why the name could not be resolved the last time; undefined when it could. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Starts a lookup when one is due. One runs at a time. */
  poll(now: number): void {
    for (const [address, until] of this.#unreachable) {
      if (now >= until) {
        this.#unreachable.delete(address);
      }
    }
    if (this.#lookupSince !== undefined) {
      if (now >= this.#lookupSince + PATIENCE_MS && this.#endpoints.length === 0) {
        this.#useSaved();
        this.#error = this.#fallbackText('no answer yet');
      }
    } else if (now >= this.#lookAt) {
      this.#lookupSince = now;
      void this.#look(now);
    }
  }

  /**
   * This host has no route to an address, by a local error: skips it at once, for the time after which a
   * registration is refreshed. Returns whether there is another address to send to now.
   */
  unreachable({ address }: Endpoint, now: number): boolean {
    this.#unreachable.set(address, now + REFRESH_INTERVAL_MS);
    return this.#endpoints.some((it) => !this.#isUnreachable(it));
  }

  /** An address of this host changed: there may be other routes, so start from the first address again. */
  routesChanged(): void {
    this.#unreachable.clear();
    this.#index = 0;
  }

  /** The server is silent: the next of its addresses, and a lookup no later than at the given time. */
  advance(lookAt: number): void {
    const present = this.endpoint;
    const index = present === undefined ? -1 : this.#endpoints.indexOf(present);
    this.#index = this.#endpoints.length === 0 ? 0 : (index + 1) % this.#endpoints.length;
    for (const family of FAMILIES) {
      this.#familyIndex[family]++;
    }
    if (this.#lookAt !== Number.POSITIVE_INFINITY) {
      this.#lookAt = Math.min(this.#lookAt, lookAt);
    }
  }

  /**
   * The server is silent over one family, and answers over the other: the next of its addresses there, at
   * most one in the time after which a registration is refreshed. May be called repeatedly.
   */
  advanceIn(family: Family, now: number): void {
    if (now >= this.#leftAt[family] + REFRESH_INTERVAL_MS) {
      this.#leftAt[family] = now;
      this.#familyIndex[family]++;
    }
  }

  async #look(now: number): Promise<void> {
    const { host, port } = this.#server;
    // Wakes the client, whose next poll then falls back on the saved addresses.
    const patience = setTimeout(this.#changed, PATIENCE_MS).unref();
    try {
      const addresses = await this.#lookup(host);
      traceDecision(() => `${host} has the addresses ${addresses.join(', ')}`);
      this.#use(addresses.map((address) => endpoint(address, port)));
      this.#saved?.save(addresses);
      this.#error = undefined;
      this.#retryMs = MIN_RETRY_MS;
      this.#lookAt = now + RESOLVE_INTERVAL_MS;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      this.#failed(code ?? message);
      this.#lookAt = now + this.#retryMs;
      this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
    } finally {
      clearTimeout(patience);
      this.#lookupSince = undefined;
      this.#changed();
    }
  }

  /** Falls back on the addresses of the last lookup, or of an earlier run. */
  #failed(why: string): void {
    this.#useSaved();
    // Reported once: the reason of the first failure is as good as that of the next.
    this.#error =
      (this.#endpoints.length > 0 ? this.#error : undefined) ??
      this.#fallbackText(why) ??
      `cannot resolve ${this.#server.host} (${why}): check the name and this host's DNS`;
  }

  #useSaved(): void {
    if (this.#endpoints.length === 0) {
      const { port } = this.#server;
      this.#use((this.#saved?.load() ?? []).map((address) => endpoint(address, port)));
    }
  }

  #fallbackText(why: string): string | undefined {
    const used = this.#endpoints.map(({ address }) => address).join(', ');
    return used === ''
      ? undefined
      : `cannot resolve ${this.#server.host} (${why}): going on with its last known addresses (${used}); check the name and this host's DNS`;
  }

  /**
   * Takes new addresses and starts with the first again, in an order that is the same everywhere: clients
   * that went on to different addresses, or families, would never hear of each other. Where the server
   * is answering, the present addresses stay as long as the name has them.
   */
  #use(found: readonly Endpoint[]): void {
    const present = this.endpoint?.address;
    const presentOf = FAMILIES.map((family) => this.endpointOf(family)?.address);
    this.#endpoints = [...found].sort(
      (a, b) => a.family - b.family || (a.address < b.address ? -1 : 1),
    );
    this.#index = this.#indexToKeep(this.#endpoints, present);
    FAMILIES.forEach((family, i) => {
      const endpoints = this.#endpointsOf(family);
      this.#familyIndex[family] = this.#indexToKeep(endpoints, presentOf[i]);
    });
  }

  #indexToKeep(endpoints: readonly Endpoint[], present: string | undefined): number {
    const kept = endpoints.findIndex(({ address }) => address === present);
    return this.isAnswering ? Math.max(0, kept) : 0;
  }

  /** The first address with a route, from the one at an index on. */
  #reachableFrom(endpoints: readonly Endpoint[], index: number): Endpoint | undefined {
    const inOrder = [...endpoints.slice(index), ...endpoints.slice(0, index)];
    return inOrder.find((it) => !this.#isUnreachable(it));
  }

  #isUnreachable({ address }: Endpoint): boolean {
    return this.#unreachable.has(address);
  }

  #endpointsOf(family: Family): Endpoint[] {
    return this.#endpoints.filter((endpoint) => endpoint.family === family);
  }
}

/** Makes a locator resolve the name when that is due, and reports a failure. */
export function locate(locator: ServerLocator, problems: Problems, now: number): void {
  locator.poll(now);
  problems.report('name', locator.error);
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}
