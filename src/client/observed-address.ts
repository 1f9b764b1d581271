import { type Endpoint, formatEndpoint } from '../wire/endpoint.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';
import type { SoughtPeer } from './finder.js';
import type { Problems } from './problems.js';

/** Peers of the same LAN are connected long before: then the address is no problem. */
const PATIENCE_MS = 10_000;

/**
 * Reports that the server sees this host at an address that is no use to peers elsewhere, while peers
 * are missing. Pure: it takes the time, in milliseconds of one monotonic clock.
 */
export class ObservedAddress {
  readonly #problems: Problems;
  readonly #peers: ReadonlyMap<string, SoughtPeer>;
  /** Since when peers have been missing at such an address. */
  #since: number | undefined;

  constructor(problems: Problems, peers: ReadonlyMap<string, SoughtPeer>) {
    this.#problems = problems;
    this.#peers = peers;
  }

  /**
   * Raises or clears the problem. Call this at each turn of the client.
   * @param server where this host sends to
   * @param observed where the server sees this host; undefined as long as that is not known
   */
  report(server: Endpoint | undefined, observed: Endpoint | undefined, now: number): void {
    const text = server && observedText(server, observed);
    const isMissing = [...this.#peers.values()].some((peer) => !peer.isAlive(now));
    if (text === undefined || !isMissing) {
      this.#since = undefined;
      this.#problems.clear('observed');
      return;
    }
    this.#since ??= now;
    if (now >= this.#since + PATIENCE_MS) {
      this.#problems.raise('observed', text);
    }
  }
}

/**
 * What keeps peers elsewhere from a host that a server sees at an address; undefined if nothing does. A
 * server that has a private address itself serves a LAN, where private addresses are what peers need.
 */
export function observedText(server: Endpoint, observed: Endpoint | undefined): string | undefined {
  if (isLinkLocal(server)) {
    return (
      `the server's address ${server.address} is link-local, so it sees this host at one that no peer can use: ` +
      'give another address of the server'
    );
  }
  if (observed === undefined) {
    return undefined;
  }
  const scope = scopeOf(observed.address);
  if (scope === SCOPE.loopback) {
    return (
      `the server is on this host and sees it at ${observed.address}, which peers on other hosts cannot use: ` +
      `give its public address instead of ${server.address}`
    );
  }
  if (scope !== SCOPE.private || scopeOf(server.address) !== SCOPE.global) {
    return undefined;
  }
  return (
    'the server sees this host at a private address: it stands in the same LAN, or behind a proxy that ' +
    `hides sources; run it on a public host (it sees ${formatEndpoint(observed)})`
  );
}

/** Whether the server has a link-local address: it discloses no endpoint that it sees over such an address. */
export function isLinkLocal({ address }: Endpoint): boolean {
  return scopeOf(address) === SCOPE.none;
}
