/** Counts of the relay since the start. */
export interface RelayCounts {
  /** Datagrams of WireGuard, and their bytes, that went to the other side. */
  forwarded: number;
  forwardedBytes: number;

  /** Dropped: neither WireGuard's nor a bind; longer than a slot; from a source that is not bound. */
  foreign: number;
  oversize: number;
  unbound: number;
  /** Dropped: the other side is not bound; the pair's rate; the rate of all pairs. */
  peerUnbound: number;
  pairRate: number;
  totalRate: number;

  /**
   * Binds: accepted; challenged; with an unknown id or a wrong MAC; repeated; over the rate of their source;
   * over the rate of their side.
   */
  bound: number;
  challenged: number;
  bindsForged: number;
  bindsRepeated: number;
  bindsLimited: number;
  bindsExcessive: number;
  /** Sides that were bound to another source than before. */
  moved: number;
  /** Bindings that ended for lack of datagrams. */
  expired: number;

  /** Pairs that were given a port; that were refused one, as the relay was full or not for them. */
  allocated: number;
  full: number;
  notAllowed: number;
}

/** Present sizes. */
export interface RelaySizes {
  /** Pairs that have a port. */
  readonly pairs: number;
  /** Sides that are bound. */
  readonly bindings: number;
}

export function noRelayCounts(): RelayCounts {
  return {
    forwarded: 0,
    forwardedBytes: 0,
    foreign: 0,
    oversize: 0,
    unbound: 0,
    peerUnbound: 0,
    pairRate: 0,
    totalRate: 0,
    bound: 0,
    challenged: 0,
    bindsForged: 0,
    bindsRepeated: 0,
    bindsLimited: 0,
    bindsExcessive: 0,
    moved: 0,
    expired: 0,
    allocated: 0,
    full: 0,
    notAllowed: 0,
  };
}
