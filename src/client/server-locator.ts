import { lookup } from 'node:dns/promises';
import { addressFamily, type Endpoint, endpoint, type Family } from '../wire/endpoint.js';
import type { Problems } from './problems.js';
import { MAX_RETRY_MS, MIN_RETRY_MS, REFRESH_INTERVAL_MS, RESOLVE_INTERVAL_MS } from './timing.js';

/** The rendezvous server as the user named it. */
export interface ServerName {
  /** A host name or an address. */
  readonly host: string;
  readonly port: number;
}

const FAMILIES: readonly Family[] = [4, 6];

type Lookup = (host: string) => Promise<readonly string[]>;

/**
 * Where the server is. A name is looked up again and again, in the background: addresses change. Of several
 * addresses the first is used, IPv4 before IPv6 because a reply tells an endpoint of the request's own
 * family; `advance` goes on to the next, and a lookup starts from the first again unless the server answers
 * where it is looked for now.
 */
export class ServerLocator {
  readonly #server: ServerName;
  readonly #lookup: Lookup;
  readonly #changed: () => void;
  /** There is a session with the server: its addresses are kept while the name has them. */
  isAnswering = false;
  #endpoints: readonly Endpoint[] = [];
  #index = 0;
  /** Of the addresses of each family, for those who use both. */
  readonly #familyIndex: Record<Family, number> = { 4: 0, 6: 0 };
  /** When an address was left because the server was silent in that family only. */
  readonly #leftAt: Record<Family, number> = { 4: -Infinity, 6: -Infinity };
  #looking = false;
  #lookAt = Number.NEGATIVE_INFINITY;
  #retryMs = MIN_RETRY_MS;
  #error: string | undefined;

  /** @param changed is called when `endpoint` or `error` may be another */
  constructor(server: ServerName, changed: () => void, lookUp: Lookup = systemLookup) {
    this.#server = server;
    this.#lookup = lookUp;
    this.#changed = changed;
    if (addressFamily(server.host) !== undefined) {
      this.#endpoints = [endpoint(server.host, server.port)];
      this.#lookAt = Number.POSITIVE_INFINITY;
    }
  }

  /** Where to send to now; undefined until the name was resolved. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoints[this.#index];
  }

  /** The same, of one address family: for those who can use both. */
  endpointOf(family: Family): Endpoint | undefined {
    const endpoints = this.#endpointsOf(family);
    return endpoints[this.#familyIndex[family] % endpoints.length];
  }

  /** Why the name could not be resolved the last time; undefined when it could. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Starts a lookup when one is due. One runs at a time. */
  poll(now: number): void {
    if (now >= this.#lookAt && !this.#looking) {
      this.#looking = true;
      void this.#look(now);
    }
  }

  /** The server is silent: the next of its addresses, and a lookup no later than at the given time. */
  advance(lookAt: number): void {
    this.#index = this.#endpoints.length === 0 ? 0 : (this.#index + 1) % this.#endpoints.length;
    for (const family of FAMILIES) {
      this.#familyIndex[family]++;
    }
    if (this.#lookAt !== Number.POSITIVE_INFINITY) {
      this.#lookAt = Math.min(this.#lookAt, lookAt);
    }
  }

  /**
   * The server is silent over one family, and answers over the other: the next of its addresses there, at
   * most one in the time after which a registration is refreshed. May be called as long as it is so.
   */
  advanceIn(family: Family, now: number): void {
    if (now >= this.#leftAt[family] + REFRESH_INTERVAL_MS) {
      this.#leftAt[family] = now;
      this.#familyIndex[family]++;
    }
  }

  async #look(now: number): Promise<void> {
    const { host, port } = this.#server;
    try {
      const addresses = await this.#lookup(host);
      this.#use(addresses.map((address) => endpoint(address, port)));
      this.#error = undefined;
      this.#retryMs = MIN_RETRY_MS;
      this.#lookAt = now + RESOLVE_INTERVAL_MS;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      this.#error = `cannot resolve ${host} (${code ?? message}): check the name and this host's DNS`;
      this.#lookAt = now + this.#retryMs;
      this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
    } finally {
      this.#looking = false;
      this.#changed();
    }
  }

  /**
   * Takes new addresses and starts with the first again, in an order that is the same everywhere: clients
   * that went on to different addresses, or families, would never hear of each other. Where the server
   * is answering, the present address of each family stays as long as the name has it.
   */
  #use(found: readonly Endpoint[]): void {
    const present = FAMILIES.map((family) => this.endpointOf(family)?.address);
    this.#endpoints = [...found].sort(
      (a, b) => a.family - b.family || (a.address < b.address ? -1 : 1),
    );
    this.#index = 0;
    FAMILIES.forEach((family, i) => {
      const kept = this.#endpointsOf(family).findIndex(({ address }) => address === present[i]);
      this.#familyIndex[family] = this.isAnswering ? Math.max(0, kept) : 0;
    });
  }

  #endpointsOf(family: Family): Endpoint[] {
    return this.#endpoints.filter((endpoint) => endpoint.family === family);
  }
}

/** Has a locator look the name up when it is time, and says so when that fails. */
export function locate(locator: ServerLocator, problems: Problems, now: number): void {
  locator.poll(now);
  if (locator.error === undefined) {
    problems.clear('name');
  } else {
    problems.raise('name', locator.error);
  }
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}
