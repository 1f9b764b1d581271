/** Buckets of each of the two arrays: a source's 32-bit hash gives one 16-bit index for each. */
export const SOURCE_BUCKETS = 65_536;

/** Entries that any source may have while there is a free one, unless that is more than its share. */
const FLOOR = 16;

/**
 * How many entries each source holds, in constant memory (512 KiB): a source counts in two buckets
 * picked by independent halves of its hash. The lower of the two is never below the true count, and
 * above it only where other sources share both buckets.
 *
 * Admission is by dynamic thresholds (Choudhury & Hahne, "Dynamic Queue Length Thresholds for
 * Shared-Memory Packet Switches", 1998): a source may hold as many entries as a fixed multiple of
 * what is free, so that the heaviest sources are refused first and none can take everything.
 */
export class SourceShare {
  private readonly counts = new Uint32Array(2 * SOURCE_BUCKETS);
  private readonly multiple: number;
  private readonly floor: number;

  /**
   * @param share the most that one source can hold of an otherwise empty table, above 0 and below 1
   * @param capacity entries that the table can hold
   */
  constructor(share: number, capacity: number) {
    // A little less, so that rounding never lets in one more.
    this.multiple = (share / (1 - share)) * (1 - 2 ** -40);
    this.floor = Math.min(FLOOR, Math.floor(share * capacity));
  }

  /** An upper bound of the entries that a source holds. */
  count(source: number): number {
    return Math.min(this.counts[first(source)]!, this.counts[second(source)]!);
  }

  /** Whether a source may add one more when so many are free. */
  admits(source: number, free: number): boolean {
    if (free <= 0) {
      return false;
    }
    const count = this.count(source);
    return count < this.floor || count < free * this.multiple;
  }

  add(source: number): void {
    this.counts[first(source)]!++;
    this.counts[second(source)]!++;
  }

  remove(source: number): void {
    this.counts[first(source)]!--;
    this.counts[second(source)]!--;
  }
}

function first(source: number): number {
  return source & 0xffff;
}

function second(source: number): number {
  return SOURCE_BUCKETS + (source >>> 16);
}
