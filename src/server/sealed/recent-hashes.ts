/** Buckets of a generation, of a cache line each: 2 MiB, for 262 144 hashes at half load. */
const BUCKETS = 32_768;
const BUCKET_SLOTS = 16;

const EMPTY = 0;

/**
 * The 32-bit hashes of two generations, in 4 MiB. A hash is found until the second generation after its
 * own begins, unless more than 16 hashes of one bucket were added: then the bucket forgets one of them.
 */
export class RecentHashes {
  private current = new Int32Array(BUCKETS * BUCKET_SLOTS);
  private previous = new Int32Array(BUCKETS * BUCKET_SLOTS);
  private generation = 0;

  /** Whether the hash was added in this generation or the one before; generations never go down. */
  has(hash: number, generation: number): boolean {
    this.turn(generation);
    const value = hash || 1; // 0 is an empty slot
    const bucket = bucketOf(value);
    return find(this.current, bucket, value) >= 0 || find(this.previous, bucket, value) >= 0;
  }

  add(hash: number, generation: number): void {
    this.turn(generation);
    const value = hash || 1;
    const bucket = bucketOf(value);
    const free = find(this.current, bucket, EMPTY);
    this.current[free >= 0 ? free : bucket + ((value >>> 16) % BUCKET_SLOTS)] = value;
  }

  private turn(generation: number): void {
    if (generation === this.generation) {
      return;
    }
    const oldest = this.previous;
    this.previous = this.current;
    this.current = oldest.fill(EMPTY);
    if (generation > this.generation + 1) {
      this.previous.fill(EMPTY);
    }
    this.generation = generation;
  }
}

function bucketOf(value: number): number {
  return (value & (BUCKETS - 1)) * BUCKET_SLOTS;
}

/** The slot of a bucket that holds the value; -1 when none does. */
function find(slots: Int32Array, bucket: number, value: number): number {
  for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) {
    if (slots[slot] === value) {
      return slot;
    }
  }
  return -1;
}
