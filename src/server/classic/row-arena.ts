import type { Family } from '../../wire/endpoint.js';
import { KEY_WORDS } from '../../wire/key.js';

/** Words of a row: 64 bytes, one cache line. */
export const ROW_WORDS = 16;

/** The offset of each field in a row, in words. */
export const ROW = {
  /** The public key, 8 words. */
  key: 0,
  /** The address in network order, 4 words; IPv4 in the first, the rest zero. */
  address: 8,
  /** `family << 16 | port`; 0 in a free row. */
  port: 12,
  /** The tick of the last registration. */
  lastSeen: 13,
  /** The source whose share the row counts against: SOURCE_WORDS of its address in network order. */
  source: 14,
} as const;

/** Rows are numbered from 1, so that 0 can say "none". */
const NO_ROW = 0;

/**
 * A large allocation of glibc begins 16 bytes into a page. Rows begin 48 bytes later, so that each is one
 * cache line instead of parts of two, which makes lookups a quarter faster.
 */
const ALIGNMENT_BYTES = 48;

/**
 * Rows of fixed size in one allocation for the most rows that there may be. The system provides memory as
 * rows are touched, so adding one moves and allocates nothing. Freed rows are reused first; memory stays
 * at its high-water mark.
 */
export class RowArena {
  /** The words of all rows; row n begins at offset(n). */
  readonly words: Int32Array;
  /** The same memory, for what hashes it. */
  readonly unsigned: Uint32Array;
  private freeRow = NO_ROW;
  private highest = 0;
  private used = 0;

  /**
   * @param maxRows the most rows in use at once
   * Throws a RangeError if the system lacks the address space.
   */
  constructor(maxRows: number) {
    // Row 0 exists as well, but is never used.
    const bytes = (maxRows + 1) * ROW_WORDS * Int32Array.BYTES_PER_ELEMENT;
    const memory = allocate(ALIGNMENT_BYTES + bytes);
    this.words = new Int32Array(memory, ALIGNMENT_BYTES);
    this.unsigned = new Uint32Array(memory, ALIGNMENT_BYTES);
  }

  /** Rows in use. */
  get size(): number {
    return this.used;
  }

  /** The highest row number ever taken: rows 1..high exist. */
  get high(): number {
    return this.highest;
  }

  /** Memory that rows have touched so far. */
  get bytes(): number {
    return this.highest * ROW_WORDS * Int32Array.BYTES_PER_ELEMENT;
  }

  offset(row: number): number {
    return row * ROW_WORDS;
  }

  /** Takes a row. The caller fills every field; that of the port must not be 0. */
  take(): number {
    this.used++;
    const row = this.freeRow;
    if (row !== NO_ROW) {
      this.freeRow = this.words[this.offset(row)]!;
      return row;
    }
    return ++this.highest;
  }

  release(row: number): void {
    const at = this.offset(row);
    this.words[at] = this.freeRow;
    this.words[at + ROW.port] = 0;
    this.freeRow = row;
    this.used--;
  }

  /** Whether the row is in use. */
  taken(row: number): boolean {
    return this.words[this.offset(row) + ROW.port] !== 0;
  }

  /** Whether the row holds this key of this family. */
  holds(row: number, keys: Uint32Array, keyAt: number, family: Family): boolean {
    const { words } = this;
    const at = this.offset(row);
    for (let i = 0; i < KEY_WORDS; i++) {
      if (words[at + i] !== (keys[keyAt + i]! | 0)) {
        return false;
      }
    }
    return words[at + ROW.port]! >>> 16 === family;
  }
}

function allocate(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    const gibibytes = (bytes / 2 ** 30).toFixed(1);
    throw new RangeError(
      `this host has no room for a table of ${gibibytes} GiB: use a smaller --max-peers`,
      {
        cause,
      },
    );
  }
}
