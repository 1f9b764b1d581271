/*
 * Some gateways accept every packet from outside ("poisoning"): one that arrives before the inside host has sent
 * makes an entry of its own, and the later mapping gets another port, where nobody looks for it. So the first
 * packet to a peer, the opener, passes our own gateways and ends on the way: both sides' mappings are there
 * before anything arrives.
 */

/** The initial TTLs that systems use. */
const INITIAL_TTLS = [64, 128, 255];

/** On a shorter way to the server there may be no router between our gateway and the peer's. */
const MIN_HOPS = 4;
/** Home and carrier NATs are within this many hops. */
const MAX_OPENER_TTL = 5;

/** How many hops away the sender of a packet is: the TTL that a packet needs to get there. */
export function hopsFrom(receivedTtl: number): number {
  const initial = INITIAL_TTLS.find((ttl) => ttl >= receivedTtl) as number;
  return initial - receivedTtl + 1;
}

/**
 * The TTL of an opener: it passes our own gateways, and ends well before those of others.
 * @param serverHops how many hops away the server is; undefined where that is not known
 * @returns undefined where an opener is of no use
 */
export function openerTtl(serverHops: number | undefined): number | undefined {
  if (serverHops === undefined || serverHops < MIN_HOPS) {
    return undefined;
  }
  // Our gateways are in the first half of the way to the server, those of others beyond the second half.
  return Math.min(Math.floor(serverHops / 2), MAX_OPENER_TTL);
}
