import type { Family } from '../../wire/endpoint.js';
import type { Elsewhere } from '../classic/classic-handler.js';
import type { EndpointTable, RowWatcher } from '../classic/endpoint-table.js';
import {
  type ClassicEntry,
  classicKey,
  decodeClassicEntry,
  encodeClassicEntry,
} from './classic-entries.js';
import { type Sharer, type StoreCommand, takeEntries } from './commands.js';
import type { StoreCounts } from './store-counts.js';
import type { WriteGate } from './write-gate.js';

/** Limits: rows waiting to be written, keys waiting to be looked up, answers kept. */
const MAX_ROWS = 65_536;
const MAX_PENDING = 4096;
const MAX_KNOWN = 65_536;

/** How often a key is looked up while it is asked for: while it is unknown, and while it is known. */
const ASK_UNKNOWN_MS = 150;
const ASK_KNOWN_MS = 5000;
/** How long an answer of the store is used without a new lookup. */
const KNOWN_MS = 30_000;

/** A row is written again when it was heard within this part of the time to live. */
const REFRESH_SHARE = 1 / 2;

interface Known {
  entry: ClassicEntry | undefined;
  askedAt: number;
  foundAt: number;
}

export interface ClassicSharingOptions {
  readonly ttlMs: number;
  readonly counts: StoreCounts;
  readonly gate: WriteGate;
  /** Milliseconds since 1970 UTC. */
  wallClock(): number;
}

/**
 * Shares classic entries. A request for a peer that this server does not know is answered "unknown" at once, and
 * the peer is looked up; the client asks again in 0.2 to 2 s, and the answer is there. Of two entries of a peer
 * the one heard last counts, by the clocks of the servers.
 */
export class ClassicSharing implements Elsewhere, RowWatcher, Sharer {
  private isUp = false;
  private epoch = 0;
  private now = 0;
  private readonly rows = new Set<number>();
  private readonly known = new Map<string, Known>();
  private readonly pending = new Map<string, readonly [key: string, family: Family]>();

  constructor(
    private readonly table: EndpointTable,
    private readonly options: ClassicSharingOptions,
  ) {
    table.watcher = this;
  }

  get queued(): number {
    return this.rows.size + this.pending.size;
  }

  // From the table and the handler.

  changed(row: number): void {
    if (!this.isUp) {
      return;
    }
    if (this.rows.size < MAX_ROWS) {
      this.rows.add(row);
    } else {
      this.options.counts.dropped++;
    }
  }

  visited(row: number, ageMs: number): void {
    if (ageMs < this.options.ttlMs * REFRESH_SHARE) {
      this.changed(row);
    }
  }

  find(key: string, family: Family, localAgeMs: number): Uint32Array | undefined {
    if (!this.isUp) {
      return undefined;
    }
    const { now, options, known } = this;
    const name = `${family}${key}`;
    const it = known.get(name);
    const patience = it?.entry === undefined ? ASK_UNKNOWN_MS : ASK_KNOWN_MS;
    if (it === undefined || now - it.askedAt >= patience) {
      this.ask(name, key, family);
    }
    if (it?.entry === undefined || now - it.foundAt >= KNOWN_MS) {
      return undefined;
    }
    const ageMs = options.wallClock() - it.entry.heardAt;
    if (ageMs >= localAgeMs || ageMs >= options.ttlMs) {
      return undefined;
    }
    options.counts.classicHits++;
    return it.entry.words;
  }

  private ask(name: string, key: string, family: Family): void {
    if (this.pending.size >= MAX_PENDING) {
      this.options.counts.dropped++;
      return;
    }
    const it = this.known.get(name) ?? { entry: undefined, askedAt: 0, foundAt: 0 };
    it.askedAt = this.now;
    // To the end: the first keys are those requested least recently.
    this.known.delete(name);
    this.known.set(name, it);
    if (this.known.size > MAX_KNOWN) {
      const [oldest] = this.known.keys();
      this.known.delete(oldest as string);
    }
    this.pending.set(name, [key, family]);
  }

  // From the store.

  up(): void {
    this.isUp = true;
    this.epoch++;
  }

  down(): void {
    this.isUp = false;
    this.epoch++;
    this.rows.clear();
    this.pending.clear();
    this.known.clear();
  }

  /** Call this before requests are answered, and about every 50 ms. */
  tick(now: number): void {
    this.now = now;
  }

  take(room: number, now: number): StoreCommand[] {
    this.now = now;
    const commands: StoreCommand[] = [];
    if (!this.isUp) {
      return commands;
    }
    this.takeLookups(commands, room);
    if (!this.options.gate.isOpen) {
      this.rows.clear(); // the sweep brings them again
    }
    while (this.rows.size > 0 && commands.length < room) {
      const rows = takeEntries(this.rows).map(([row]) => row);
      commands.push(this.write(rows, now));
    }
    return commands;
  }

  private write(rows: readonly number[], now: number): StoreCommand {
    const { table, options } = this;
    const keys: string[] = [];
    const args: (Uint8Array | number)[] = [];
    for (const row of rows) {
      const entry = table.entryAt(row, now | 0);
      const left = options.ttlMs - (entry?.ageMs ?? options.ttlMs);
      if (entry !== undefined && left > 0) {
        const heardAt = options.wallClock() - entry.ageMs;
        keys.push(classicKey(entry.key, entry.family));
        args.push(
          Math.ceil(left),
          encodeClassicEntry({ heardAt, words: entry.words }, entry.family),
        );
      }
    }
    options.counts.classicPublished += keys.length;
    return { script: 'classic', keys, args, done: (reply, at) => options.gate.note(reply, at) };
  }

  private takeLookups(commands: StoreCommand[], room: number): void {
    while (this.pending.size > 0 && commands.length < room) {
      const asked = takeEntries(this.pending);
      this.options.counts.classicLookups += asked.length;
      const { epoch } = this;
      commands.push({
        script: 'classicLookup',
        keys: asked.map(([, [key, family]]) => classicKey(key, family)),
        args: [],
        done: (reply, now) => {
          if (epoch === this.epoch && Array.isArray(reply)) {
            for (const [i, [name, [, family]]] of asked.entries()) {
              this.found(name, family, reply[i], now);
            }
          }
        },
      });
    }
  }

  private found(name: string, family: Family, value: unknown, now: number): void {
    const it = this.known.get(name);
    if (it === undefined) {
      return;
    }
    const isThere = value instanceof Uint8Array;
    it.entry = isThere ? decodeClassicEntry(value, family) : undefined;
    it.foundAt = now;
    if (isThere && it.entry === undefined) {
      this.options.counts.malformed++;
    }
  }
}
