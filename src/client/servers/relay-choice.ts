/** So many servers are asked for a relay to one peer: the second takes over where the first fails. */
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
 * The servers to ask for a relay to a peer. A relay needs both sides, so they are of those that both use, in an
 * order that both have; where none of these relays, the first of them is asked, to say why. Pure.
 * @param servers in that order
 * @returns the numbers of at most two
 */
export function relayServers(servers: readonly RelayServer[]): number[] {
  const shared = servers.filter(({ isShared, relays }) => isShared && relays !== undefined);
  const relaying = shared.filter(({ relays }) => relays);
  const chosen = relaying.length > 0 ? relaying.slice(0, MAX_RELAYS) : shared.slice(0, 1);
  return chosen.map(({ server }) => server);
}
