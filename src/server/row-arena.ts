import type { Family } from '../wire/endpoint.js';

/** Words of a row: 64 bytes, one cache line. */
export const ROW_WORDS = 16;

/** Where each field is in a row, in words. */
export const ROW = {
  /** The public key, 8 words. */
  key: 0,
  /** The address in network order, 4 words; IPv4 in the first, the rest zero. */
  address: 8,
  /** `family << 16 | port`; 0 in a free row. */
  port: 12,
  /** The tick of the last registration. */
  lastSeen: 13,
  /** The key's hash. */
  hash: 14,
  /** Which source's allowance the row counts against. */
  source: 15,
} as const;

const KEY_WORDS = 8;

/** Rows are numbered from 1, so that 0 can say "none". */
const NO_ROW = 0;

/** `log2` of the rows in a chunk, at most: 64 MiB, of which the system gives only what is touched. */
const MAX_CHUNK_BITS = 20;

/**
 * A large allocation of glibc begins 16 bytes into a page. Rows begin 48 bytes later, so that each is
 * one cache line and not parts of two, which takes a quarter off the time of a lookup.
 */
const ALIGNMENT_BYTES = 48;

/**
 * Rows of fixed size in chunks: growth adds a chunk and moves nothing. Freed rows are used again
 * first. Memory stays at its high-water mark, which the table's bound on entries limits.
 */
export class RowArena {
  private readonly chunks: Int32Array[] = [];
  private readonly chunkBits: number;
  private readonly chunkMask: number;
  private freeRow = NO_ROW;
  private highest = 0;
  private used = 0;

  /** @param maxRows rows that will be in use at once, at most */
  constructor(maxRows: number, maxChunkBits: number = MAX_CHUNK_BITS) {
    this.chunkBits = Math.min(Math.ceil(Math.log2(maxRows)), maxChunkBits);
    this.chunkMask = (1 << this.chunkBits) - 1;
  }

  /** Rows taken now. */
  get size(): number {
    return this.used;
  }

  /** The highest row number ever taken: rows 1..high exist. */
  get high(): number {
    return this.highest;
  }

  /** Memory that rows have taken so far. */
  get bytes(): number {
    return this.highest * ROW_WORDS * Int32Array.BYTES_PER_ELEMENT;
  }

  /** The words that hold the row, at offset(row). */
  chunk(row: number): Int32Array {
    return this.chunks[(row - 1) >>> this.chunkBits]!;
  }

  offset(row: number): number {
    return ((row - 1) & this.chunkMask) * ROW_WORDS;
  }

  /** Takes a row; the caller fills every field, the port with a value that is not 0. */
  take(): number {
    this.used++;
    const row = this.freeRow;
    if (row !== NO_ROW) {
      this.freeRow = this.chunk(row)[this.offset(row)]!;
      return row;
    }
    if (this.highest === this.chunks.length << this.chunkBits) {
      this.chunks.push(allocate(ROW_WORDS << this.chunkBits));
    }
    return ++this.highest;
  }

  release(row: number): void {
    const chunk = this.chunk(row);
    const at = this.offset(row);
    chunk[at] = this.freeRow;
    chunk[at + ROW.port] = 0;
    this.freeRow = row;
    this.used--;
  }

  /** Whether the row is in use. */
  taken(row: number): boolean {
    return this.chunk(row)[this.offset(row) + ROW.port] !== 0;
  }

  /** Whether the row holds this key of this family. */
  holds(row: number, keys: Uint32Array, keyAt: number, family: Family): boolean {
    const chunk = this.chunk(row);
    const at = this.offset(row);
    for (let i = 0; i < KEY_WORDS; i++) {
      if (chunk[at + i] !== (keys[keyAt + i]! | 0)) {
        return false;
      }
    }
    return chunk[at + ROW.port]! >>> 16 === family;
  }
}

function allocate(words: number): Int32Array {
  const buffer = new ArrayBuffer(ALIGNMENT_BYTES + words * Int32Array.BYTES_PER_ELEMENT);
  return new Int32Array(buffer, ALIGNMENT_BYTES);
}
