import type { Family } from '../wire/endpoint.js';
import { SHARE_PREFIX_BYTES, type Source } from './source.js';

/** Buckets of each of the two arrays: a source's 32-bit hash gives one 16-bit index for each. */
export const SOURCE_BUCKETS = 65_536;

/** The part of a table that each family keeps for itself. */
const FAMILY_RESERVE = 1 / 8;

/** Entries that a network may have while there is a free one, unless that is more than its share. */
const FLOORS = { 4: [16, 64], 6: [16, 16, 32, 64] } as const;

/**
 * How many entries each network holds, in constant memory (512 KiB for each kind of network, 3 MiB in
 * all). An address counts in all its networks, so that a source with many of them is one source still.
 *
 * Admission is by dynamic thresholds (Choudhury & Hahne, "Dynamic Queue Length Thresholds for
 * Shared-Memory Packet Switches", 1998): a network may hold as many entries as a fixed multiple of what
 * is free. The heaviest networks are refused first, and none can take everything.
 */
export class SourceShare {
  private readonly networks: Readonly<Record<Family, readonly NetworkShare[]>>;
  private readonly held: Record<Family, number> = { 4: 0, 6: 0 };
  private readonly reserve: number;

  /**
   * @param share the most that one site can hold of an otherwise empty table, above 0 and below 1: an IPv4
   *   address or an IPv6 /48. A /24 or /32 can hold half of the rest as well, a /56 and a /64 a half and a
   *   quarter of the share.
   * @param capacity entries that the table can hold
   */
  constructor(
    share: number,
    private readonly capacity: number,
  ) {
    const wide = (1 + share) / 2;
    const shares = { 4: [share, wide], 6: [share / 4, share / 2, share, wide] } as const;
    const networksOf = (family: Family) =>
      SHARE_PREFIX_BYTES[family].map(
        (_, i) => new NetworkShare(shares[family][i]!, FLOORS[family][i]!, capacity),
      );
    this.networks = { 4: networksOf(4), 6: networksOf(6) };
    this.reserve = Math.floor(capacity * FAMILY_RESERVE);
  }

  /** Whether a source may add one more entry. */
  admits({ family, hashes }: Source): boolean {
    const { held, networks } = this;
    const other = held[family === 4 ? 6 : 4];
    const free = this.capacity - held[family] - other;
    if (free <= Math.max(0, this.reserve - other)) {
      return false;
    }
    return networks[family].every((network, i) => network.admits(hashes[i]!, free));
  }

  add(source: Source): void {
    this.change(source, 1);
  }

  remove(source: Source): void {
    this.change(source, -1);
  }

  private change({ family, hashes }: Source, by: 1 | -1): void {
    this.held[family] += by;
    for (const [i, network] of this.networks[family].entries()) {
      network.change(hashes[i]!, by);
    }
  }
}

/**
 * The entries of the networks of one size. Each counts in two buckets picked by independent halves of its
 * hash. The lower of the two is never below the true count, and above it only where other networks share
 * both buckets.
 */
class NetworkShare {
  private readonly counts = new Uint32Array(2 * SOURCE_BUCKETS);
  private readonly multiple: number;
  private readonly floor: number;

  constructor(share: number, floor: number, capacity: number) {
    // A little less, so that rounding never lets in one more.
    this.multiple = (share / (1 - share)) * (1 - 2 ** -40);
    this.floor = Math.min(floor, Math.floor(share * capacity));
  }

  admits(hash: number, free: number): boolean {
    const count = Math.min(this.counts[first(hash)]!, this.counts[second(hash)]!);
    return count < this.floor || count < free * this.multiple;
  }

  change(hash: number, by: 1 | -1): void {
    this.counts[first(hash)]! += by;
    this.counts[second(hash)]! += by;
  }
}

function first(hash: number): number {
  return hash & 0xffff;
}

function second(hash: number): number {
  return SOURCE_BUCKETS + (hash >>> 16);
}
