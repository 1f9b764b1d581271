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
}

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

/** Whether packets to an address go into the tunnel, as far as AllowedIPs tell. */
export function isInTunnel(address: string, allowedIps: readonly string[]): boolean {
  const bare = withoutZone(address);
  return allowedIps.some(
    (allowed) => prefixLength(allowed) >= MIN_PREFIX_LENGTH && isInPrefix(bare, allowed),
  );
}
