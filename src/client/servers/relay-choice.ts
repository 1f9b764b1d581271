/** The number of servers to ask for a relay to one peer: the second takes over if the first fails. */
const MAX_RELAYS = 2;

/** A server, as far as relaying to one peer goes. */
export interface RelayServer {
  /** Its number. */
  readonly server: number;
  /** Whether it says where the peer is. */
  readonly isShared: boolean;
  /** Whether it would relay; undefined while it does not answer. */
  readonly relays: boolean | undefined;
}

/**
 * The servers to ask for a relay to a peer. A relay needs both sides, so these are servers that both use, in an order
 * that both share. If none of them relays, the first one is asked, so that it says why. Pure.
 * @param servers in that order
 * @returns the numbers of at most two
 */
export function relayServers(servers: readonly RelayServer[]): number[] {
  const shared = servers.filter(({ isShared, relays }) => isShared && relays !== undefined);
  const relaying = shared.filter(({ relays }) => relays);
  const chosen = relaying.length > 0 ? relaying.slice(0, MAX_RELAYS) : shared.slice(0, 1);
  return chosen.map(({ server }) => server);
}
