import { type Endpoint, isUsable, withoutZone } from '../wire/endpoint.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';
import { isInPrefix, prefixLength } from '../wire/prefix.js';

/**
 * AllowedIPs shorter than this route everything, or a large part of it, into the tunnel. WireGuard's own
 * packets are then excepted by its fwmark or by a route, so such an AllowedIP says nothing of an endpoint.
 */
const MIN_PREFIX_LENGTH = 8;

/** What decides whether an endpoint can be a peer's. */
export interface RefusalContext {
  /** All AllowedIPs of the interface. */
  readonly allowedIps: readonly string[];
  /** The server is on this host, so a loopback address means this host too. */
  readonly isServerLocal: boolean;
  /** Where the server is; undefined if unknown. */
  readonly server?: Endpoint | undefined;
}

/** Ports of a rendezvous server besides the one that is known: its probe port, STUN, and its relays. */
const SERVER_PORTS = { first: 49_918, last: 49_951, stun: 3478 } as const;

/** Why an endpoint cannot be a peer's, to be read behind the endpoint; undefined where it can. */
export function endpointRefusal(
  endpoint: Endpoint,
  { allowedIps, isServerLocal }: RefusalContext,
): string | undefined {
  const scope = scopeOf(endpoint.address);
  if (!isUsable(endpoint) || scope === SCOPE.none) {
    return 'is no address of a host';
  }
  if (scope === SCOPE.loopback && !isServerLocal) {
    return "is the server's own host: its client has to use the server's public address";
  }
  return isInTunnel(endpoint.address, allowedIps)
    ? "lies inside this interface's AllowedIPs: WireGuard would send into its own tunnel"
    : undefined;
}

/**
 * Why an endpoint that only the peer names gets no probe; undefined where it gets some. The peer may mean to
 * aim this host at somebody else.
 */
export function offerRefusal(endpoint: Endpoint, context: RefusalContext): string | undefined {
  const { server } = context;
  const scope = scopeOf(endpoint.address);
  if (scope === SCOPE.loopback) {
    return 'is this host itself';
  }
  const isServerPort =
    endpoint.port === server?.port ||
    endpoint.port === SERVER_PORTS.stun ||
    (endpoint.port >= SERVER_PORTS.first && endpoint.port <= SERVER_PORTS.last);
  if (server !== undefined && endpoint.address === server.address && isServerPort) {
    return 'is a port of the server';
  }
  return endpointRefusal(endpoint, context);
}

/** Whether packets to an address go into the tunnel, as far as AllowedIPs tell. */
export function isInTunnel(address: string, allowedIps: readonly string[]): boolean {
  const bare = withoutZone(address);
  return allowedIps.some(
    (allowed) => prefixLength(allowed) >= MIN_PREFIX_LENGTH && isInPrefix(bare, allowed),
  );
}
