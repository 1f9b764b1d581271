import type { Family } from '../../wire/endpoint.js';
import type { RowArena } from './row-arena.js';

/** A slot is two words: the hash, then the row. */
const SLOT_WORDS = 2;
const EMPTY = 0;
/** A slot of the old array whose row was moved or removed; probes continue past it. */
const GONE = -1;

/** Growth starts when 5 of 8 slots are taken: an unsuccessful probe then reads 4 slots on average. */
const LOAD_NUMERATOR = 5;
const LOAD_DENOMINATOR = 8;

/**
 * Slots of the old array that each insertion moves. More than 2 finish before the new array is full;
 * eight slots are one cache line.
 */
const MOVED_PER_INSERT = 8;

const INITIAL_SLOTS = 1024;

/**
 * hash -> row by open addressing with linear probing. Growth is incremental: an array of twice the size
 * takes all new rows, and each insertion moves a few slots of the old one, so that no single operation
 * pays for the whole table.
 */
export class KeyIndex {
  private slots: Int32Array;
  private mask: number;
  private count = 0;
  private oldSlots: Int32Array | undefined;
  private oldMask = 0;
  private moved = 0;

  /** @param initialSlots a power of two */
  constructor(
    private readonly arena: RowArena,
    initialSlots: number = INITIAL_SLOTS,
  ) {
    this.slots = new Int32Array(initialSlots * SLOT_WORDS);
    this.mask = initialSlots - 1;
  }

  get bytes(): number {
    return this.slots.byteLength + (this.oldSlots?.byteLength ?? 0);
  }

  /** Whether rows are still being moved from a smaller array. */
  get growing(): boolean {
    return this.oldSlots !== undefined;
  }

  /** The row of a key, or 0. */
  find(hash: number, keys: Uint32Array, keyAt: number, family: Family): number {
    const row = this.probe(this.slots, this.mask, hash, keys, keyAt, family);
    if (row !== EMPTY || this.oldSlots === undefined) {
      return row;
    }
    return this.probe(this.oldSlots, this.oldMask, hash, keys, keyAt, family);
  }

  /** Adds a row whose key is not in the index. */
  insert(hash: number, row: number): void {
    if ((this.count + 1) * LOAD_DENOMINATOR > (this.mask + 1) * LOAD_NUMERATOR) {
      this.grow();
    }
    place(this.slots, this.mask, hash, row);
    this.count++;
    this.move(MOVED_PER_INSERT);
  }

  /** Removes a row that is in the index. */
  remove(hash: number, row: number): void {
    this.count--;
    const slot = locate(this.slots, this.mask, hash, row);
    if (slot >= 0) {
      close(this.slots, this.mask, slot);
    } else if (this.oldSlots !== undefined) {
      this.oldSlots[locate(this.oldSlots, this.oldMask, hash, row) * SLOT_WORDS + 1] = GONE;
    }
  }

  /** The row in the home slot of a hash, which may belong to another key; 0 when the slot is empty. */
  peek(hash: number): number {
    return this.slots[(hash & this.mask) * SLOT_WORDS + 1]!;
  }

  private probe(
    slots: Int32Array,
    mask: number,
    hash: number,
    keys: Uint32Array,
    keyAt: number,
    family: Family,
  ): number {
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot * SLOT_WORDS + 1]!;
      if (row === EMPTY) {
        return EMPTY;
      }
      if (
        row !== GONE &&
        slots[slot * SLOT_WORDS] === hash &&
        this.arena.holds(row, keys, keyAt, family)
      ) {
        return row;
      }
    }
  }

  private grow(): void {
    this.move(Number.POSITIVE_INFINITY);
    this.oldSlots = this.slots;
    this.oldMask = this.mask;
    this.moved = 0;
    this.mask = this.mask * 2 + 1;
    this.slots = new Int32Array((this.mask + 1) * SLOT_WORDS);
  }

  private move(limit: number): void {
    const old = this.oldSlots;
    if (old === undefined) {
      return;
    }
    const end = Math.min(this.moved + limit, this.oldMask + 1);
    for (let slot = this.moved; slot < end; slot++) {
      const row = old[slot * SLOT_WORDS + 1]!;
      if (row !== EMPTY && row !== GONE) {
        place(this.slots, this.mask, old[slot * SLOT_WORDS]!, row);
        old[slot * SLOT_WORDS + 1] = GONE;
      }
    }
    this.moved = end;
    if (end > this.oldMask) {
      this.oldSlots = undefined;
    }
  }
}

function place(slots: Int32Array, mask: number, hash: number, row: number): void {
  let slot = hash & mask;
  while (slots[slot * SLOT_WORDS + 1] !== EMPTY) {
    slot = (slot + 1) & mask;
  }
  slots[slot * SLOT_WORDS] = hash;
  slots[slot * SLOT_WORDS + 1] = row;
}

/** The slot of a row, or -1. */
function locate(slots: Int32Array, mask: number, hash: number, row: number): number {
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const found = slots[slot * SLOT_WORDS + 1];
    if (found === row) {
      return slot;
    }
    if (found === EMPTY) {
      return -1;
    }
  }
}

/**
 * Empties a slot and closes the gap: rows that were placed behind it move back, so that no tombstones
 * accumulate (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
 */
function close(slots: Int32Array, mask: number, slot: number): void {
  let gap = slot;
  for (let next = (gap + 1) & mask; ; next = (next + 1) & mask) {
    const row = slots[next * SLOT_WORDS + 1]!;
    if (row === EMPTY) {
      break;
    }
    const hash = slots[next * SLOT_WORDS]!;
    const home = hash & mask;
    if (((next - home) & mask) >= ((next - gap) & mask)) {
      slots[gap * SLOT_WORDS] = hash;
      slots[gap * SLOT_WORDS + 1] = row;
      gap = next;
    }
  }
  slots[gap * SLOT_WORDS + 1] = EMPTY;
}
