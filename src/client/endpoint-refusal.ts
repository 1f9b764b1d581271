import { type Endpoint, isUsable, sameEndpoint, withoutZone } from '../wire/endpoint.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';
import { PrefixSet, prefixLength } from '../wire/prefix.js';

/**
 * AllowedIPs shorter than this route everything, or a large part of it, into the tunnel. WireGuard's own
 * packets are then excepted by its fwmark or by a route, so such an AllowedIP says nothing of an endpoint.
 */
const MIN_PREFIX_LENGTH = 8;

/** What decides whether an endpoint can be a peer's. */
export interface RefusalContext {
  /** What the interface routes into its tunnel, as tunnelPrefixes() has it. */
  readonly tunnel: PrefixSet;
  /** The server is on this host, so a loopback address means this host too. */
  readonly isServerLocal: boolean;
  /** Where the servers are, as far as that is known. @default unknown */
  readonly servers?: readonly Endpoint[];
}

/** Ports of a rendezvous server besides the one that is known: its probe port, STUN, and its relays. */
const SERVER_PORTS = { first: 49_918, last: 49_951, stun: 3478 } as const;

/** Why an endpoint cannot be a peer's, to be read behind the endpoint; undefined if it can. */
export function endpointRefusal(
  endpoint: Endpoint,
  { tunnel, isServerLocal, servers = [] }: RefusalContext,
): string | undefined {
  const scope = scopeOf(endpoint.address);
  if (!isUsable(endpoint) || scope === SCOPE.none) {
    return 'is no address of a host';
  }
  if (scope === SCOPE.loopback && !isServerLocal) {
    return "is the server's own host: its client has to use the server's public address";
  }
  if (servers.some((server) => sameEndpoint(server, endpoint))) {
    return 'is a rendezvous server: no peer can be there';
  }
  return isInTunnel(endpoint.address, tunnel)
    ? "lies inside this interface's AllowedIPs: WireGuard would send into its own tunnel"
    : undefined;
}

/**
 * Why an endpoint that only the peer names gets no probe; undefined if it gets some. The peer may mean to
 * aim this host at somebody else.
 */
export function offerRefusal(endpoint: Endpoint, context: RefusalContext): string | undefined {
  const scope = scopeOf(endpoint.address);
  if (scope === SCOPE.loopback) {
    return 'is this host itself';
  }
  if (context.servers?.some((server) => isPortOf(server, endpoint))) {
    return 'is a port of the server';
  }
  return endpointRefusal(endpoint, context);
}

function isPortOf(server: Endpoint, { address, port }: Endpoint): boolean {
  const isItsPort =
    port === server.port ||
    port === SERVER_PORTS.stun ||
    (port >= SERVER_PORTS.first && port <= SERVER_PORTS.last);
  return address === server.address && isItsPort;
}

/** The networks that an interface with these AllowedIPs routes into its tunnel. */
export function tunnelPrefixes(allowedIps: readonly string[]): PrefixSet {
  return new PrefixSet(allowedIps.filter((one) => prefixLength(one) >= MIN_PREFIX_LENGTH));
}

/** Whether packets to an address go into the tunnel, as far as AllowedIPs tell. */
export function isInTunnel(address: string, tunnel: PrefixSet): boolean {
  return tunnel.has(withoutZone(address));
}
