import { type HashKey, halfSipHash } from '../../limits/half-siphash.js';
import { type Source, sourceAt } from '../../limits/source.js';
import { SourceShare } from '../../limits/source-share.js';
import type { Family } from '../../wire/endpoint.js';
import { KEY_LENGTH, KEY_WORDS } from '../../wire/key.js';
import { ExpirySweep } from './expiry-sweep.js';
import { KeyIndex } from './key-index.js';
import { ROW, RowArena } from './row-arena.js';

/** 32-bit words of an address of either family, IPv4 in the first. */
const IP_WORDS = 4;
const PORT_MASK = 0xffff;

/** Rows checked for expiry before a new key is refused for lack of room. */
const RECLAIM_VISITS = 32;

/** The longest time to live: ticks are compared modulo 2^32 ms, and the sweep may be late. */
export const MAX_TTL_MS = 7 * 24 * 3600 * 1000;

/** Receives the rows to share with other servers. */
export interface RowWatcher {
  /** A row is new, or has another endpoint. */
  changed(row: number): void;
  /** A row in use was visited, as each is four times in the time to live; heard last so long ago. */
  visited(row: number, ageMs: number): void;
}

/** A copy of a row. */
export interface RowEntry {
  /** 32 bytes, a character each. */
  readonly key: string;
  readonly family: Family;
  /** The address in network order, 4 words; then the port. */
  readonly words: Uint32Array;
  readonly ageMs: number;
}

export interface EndpointTableOptions {
  /** The most entries, of both families together; 1..10 000 000. */
  readonly maxPeers: number;
  /** Time without a registration after which an entry expires; 1..MAX_TTL_MS. */
  readonly ttlMs: number;
  /** The most that one site can hold of an otherwise empty table, above 0 and below 1; see SourceShare. */
  readonly share: number;
  readonly hashKey: HashKey;
  /** A power of two. @default 1024 */
  readonly initialSlots?: number;
}

/** The outcome of a registration. */
export const REGISTRATION = {
  /** The entry existed with this endpoint. */
  refreshed: 0,
  /** The entry existed and has a new endpoint. */
  moved: 1,
  /** The entry is new, or had expired. */
  added: 2,
  /** No room for a new key from this source. */
  refused: 3,
} as const;

export type Registration = (typeof REGISTRATION)[keyof typeof REGISTRATION];

/**
 * Public key -> endpoint, separately for each family: a peer that registers over IPv4 and IPv6 has two
 * entries, and is unknown over a family that it did not use. Keys and addresses are read from the
 * caller's words in place, without allocation. `tick` is milliseconds, modulo 2^32.
 */
export class EndpointTable {
  private readonly arena: RowArena;
  private readonly index: KeyIndex;
  private readonly sweep: ExpirySweep;
  private readonly share: SourceShare;
  private readonly hashKey: HashKey;
  private readonly ttlMs: number;
  private expiredCount = 0;
  /** Set if the server shares its entries with others. */
  watcher: RowWatcher | undefined;

  constructor(options: EndpointTableOptions) {
    this.ttlMs = options.ttlMs;
    this.share = new SourceShare(options.share, options.maxPeers);
    this.hashKey = options.hashKey;
    this.arena = new RowArena(options.maxPeers);
    this.index = new KeyIndex(this.arena, options.initialSlots);
    this.sweep = new ExpirySweep(this.arena, (row, tick) => this.expire(row, tick), options.ttlMs);
  }

  /** Entries, including expired ones that are not reclaimed yet. */
  get size(): number {
    return this.arena.size;
  }

  /** Entries that expired since the start. */
  get expired(): number {
    return this.expiredCount;
  }

  /** Memory of rows and index. */
  get bytes(): number {
    return this.arena.bytes + this.index.bytes;
  }

  /** The hash of a key for register() and find(); the entries of both families share it. */
  hash(keys: Uint32Array, keyAt: number): number {
    return halfSipHash(keys, keyAt, KEY_WORDS, this.hashKey);
  }

  /**
   * Stores the endpoint that a key was seen at.
   * @param addresses 4 words in network order at addressAt, then the port
   */
  register(
    keys: Uint32Array,
    keyAt: number,
    hash: number,
    family: Family,
    addresses: Uint32Array,
    addressAt: number,
    tick: number,
  ): Registration {
    const row = this.index.find(hash, keys, keyAt, family);
    if (row !== 0) {
      if (!this.hasExpired(row, tick)) {
        return this.refresh(row, addresses, addressAt, tick);
      }
      this.remove(row);
    }
    const source = sourceAt(addresses, addressAt, family, this.hashKey);
    if (!this.admits(source, tick)) {
      return REGISTRATION.refused;
    }
    const added = this.arena.take();
    const { words } = this.arena;
    const at = this.arena.offset(added);
    for (let i = 0; i < KEY_WORDS; i++) {
      words[at + ROW.key + i] = keys[keyAt + i]!;
    }
    words[at + ROW.lastSeen] = tick;
    words[at + ROW.port] = family << 16;
    words[at + ROW.source] = addresses[addressAt]!;
    words[at + ROW.source + 1] = family === 4 ? 0 : addresses[addressAt + 1]!;
    writeEndpoint(words, at, addresses, addressAt);
    this.share.add(source);
    this.index.insert(hash, added);
    this.watcher?.changed(added);
    return REGISTRATION.added;
  }

  /** The row of a key that has not expired, or 0. Rows stay valid until the next change. */
  find(keys: Uint32Array, keyAt: number, hash: number, family: Family, tick: number): number {
    const row = this.index.find(hash, keys, keyAt, family);
    return row !== 0 && this.hasExpired(row, tick) ? 0 : row;
  }

  /** How long ago a row was heard. */
  age(row: number, tick: number): number {
    return (tick - this.arena.words[this.arena.offset(row) + ROW.lastSeen]!) | 0;
  }

  /** A copy of a row; undefined when it is not in use. */
  entryAt(row: number, tick: number): RowEntry | undefined {
    const { words, unsigned } = this.arena;
    if (!this.arena.taken(row)) {
      return undefined;
    }
    const at = this.arena.offset(row);
    const endpoint = new Uint32Array(IP_WORDS + 1);
    this.copyEndpoint(row, endpoint, 0);
    const keyAt = unsigned.byteOffset + (at + ROW.key) * 4;
    return {
      key: Buffer.from(unsigned.buffer, keyAt, KEY_LENGTH).toString('latin1'),
      family: (words[at + ROW.port]! >>> 16) as Family,
      words: endpoint,
      ageMs: this.age(row, tick),
    };
  }

  /** Copies a row's endpoint: 4 address words in network order, then the port. */
  copyEndpoint(row: number, target: Uint32Array, at: number): void {
    const { words } = this.arena;
    const from = this.arena.offset(row);
    for (let i = 0; i < IP_WORDS; i++) {
      target[at + i] = words[from + ROW.address + i]!;
    }
    target[at + IP_WORDS] = words[from + ROW.port]! & PORT_MASK;
  }

  /** Reclaims expired entries at `now` (ms); bounded work; call it often. */
  expireDue(now: number): void {
    this.sweep.step(now);
  }

  /**
   * The probable row of a key with this hash, or 0; touches its slot of the index. With touch(), a caller
   * with many keys can have the memory for the next ones fetched while it works on the present one. A
   * single lookup would wait for the slot and then for the row.
   */
  guess(hash: number): number {
    return this.index.peek(hash);
  }

  /** Touches a row from guess(). The value means nothing, but the caller has to use it. */
  touch(row: number): number {
    return this.arena.words[this.arena.offset(row)]!;
  }

  private refresh(
    row: number,
    addresses: Uint32Array,
    addressAt: number,
    tick: number,
  ): Registration {
    const { words } = this.arena;
    const at = this.arena.offset(row);
    words[at + ROW.lastSeen] = tick;
    if (sameEndpoint(words, at, addresses, addressAt)) {
      return REGISTRATION.refreshed;
    }
    // It still counts against the source that registered it. Otherwise sources could hand each other
    // their entries, and take turns at filling a table that none of them may fill.
    writeEndpoint(words, at, addresses, addressAt);
    this.watcher?.changed(row);
    return REGISTRATION.moved;
  }

  private admits(source: Source, tick: number): boolean {
    if (this.share.admits(source)) {
      return true;
    }
    this.sweep.reclaim(RECLAIM_VISITS, tick);
    return this.share.admits(source);
  }

  private hasExpired(row: number, tick: number): boolean {
    const lastSeen = this.arena.words[this.arena.offset(row) + ROW.lastSeen]!;
    return ((tick - lastSeen) | 0) >= this.ttlMs;
  }

  private expire(row: number, tick: number): boolean {
    if (!this.arena.taken(row)) {
      return false;
    }
    if (!this.hasExpired(row, tick)) {
      this.watcher?.visited(row, this.age(row, tick));
      return false;
    }
    this.remove(row);
    return true;
  }

  /** Removes an expired row. */
  private remove(row: number): void {
    const { unsigned } = this.arena;
    const at = this.arena.offset(row);
    const family = (unsigned[at + ROW.port]! >>> 16) as Family;
    this.share.remove(sourceAt(unsigned, at + ROW.source, family, this.hashKey));
    this.index.remove(this.hash(unsigned, at + ROW.key), row);
    this.arena.release(row);
    this.expiredCount++;
  }
}

function sameEndpoint(
  words: Int32Array,
  at: number,
  addresses: Uint32Array,
  addressAt: number,
): boolean {
  for (let i = 0; i < IP_WORDS; i++) {
    if (words[at + ROW.address + i] !== (addresses[addressAt + i]! | 0)) {
      return false;
    }
  }
  return (words[at + ROW.port]! & PORT_MASK) === addresses[addressAt + IP_WORDS];
}

/** Writes address and port; the family beside the port stays. */
function writeEndpoint(
  words: Int32Array,
  at: number,
  addresses: Uint32Array,
  addressAt: number,
): void {
  for (let i = 0; i < IP_WORDS; i++) {
    words[at + ROW.address + i] = addresses[addressAt + i]!;
  }
  const port = words[at + ROW.port]!;
  words[at + ROW.port] = (port & ~PORT_MASK) | addresses[addressAt + IP_WORDS]!;
}
