import { type HashKey, halfSipHash } from '../../limits/half-siphash.js';
import { KeyIndex } from '../classic/key-index.js';
import { ROW, RowArena } from '../classic/row-arena.js';

const KEY_WORDS = 8;

/** The index tells keys of two families apart; here a key is a key. */
const FAMILY = 4;

/** A row's field that is free here: how many hold the name. */
const HOLDERS = ROW.address;

/** No name. */
export const NO_NAME = 0;

/**
 * Public keys as numbers: each key that somebody holds has one name, and no other key has it. A name is
 * free for another key when the last holder releases it.
 */
export class KeyNames {
  private readonly arena: RowArena;
  private readonly index: KeyIndex;
  private readonly words = new Uint32Array(KEY_WORDS);
  private readonly bytes = new Uint8Array(this.words.buffer);

  /** @param maxNames keys that will be held at once, at most */
  constructor(
    maxNames: number,
    private readonly hashKey: HashKey,
  ) {
    this.arena = new RowArena(maxNames);
    this.index = new KeyIndex(this.arena);
  }

  /** Names held now. */
  get size(): number {
    return this.arena.size;
  }

  /** Memory of keys and index. */
  get memory(): number {
    return this.arena.bytes + this.index.bytes;
  }

  /** The name of the key in 8 words at keyAt, or NO_NAME. */
  find(keys: Uint32Array, keyAt: number): number {
    return this.index.find(this.hash(keys, keyAt), keys, keyAt, FAMILY);
  }

  /** The name of a key, held once more than before. */
  hold(keys: Uint32Array, keyAt: number): number {
    const hash = this.hash(keys, keyAt);
    const known = this.index.find(hash, keys, keyAt, FAMILY);
    const name = known === NO_NAME ? this.add(hash, keys, keyAt) : known;
    this.arena.words[this.arena.offset(name) + HOLDERS]!++;
    return name;
  }

  /** Takes back one hold. */
  release(name: number): void {
    const rows = this.arena.words;
    const at = this.arena.offset(name);
    if (--rows[at + HOLDERS]! === 0) {
      this.index.remove(rows[at + ROW.hash]!, name);
      this.arena.release(name);
    }
  }

  /** The 32 bytes of a held key; the next call overwrites them. */
  read(name: number): Uint8Array {
    const rows = this.arena.words;
    const from = this.arena.offset(name) + ROW.key;
    for (let i = 0; i < KEY_WORDS; i++) {
      this.words[i] = rows[from + i]!;
    }
    return this.bytes;
  }

  private add(hash: number, keys: Uint32Array, keyAt: number): number {
    const name = this.arena.take();
    const rows = this.arena.words;
    const at = this.arena.offset(name);
    for (let i = 0; i < KEY_WORDS; i++) {
      rows[at + ROW.key + i] = keys[keyAt + i]!;
    }
    rows[at + ROW.port] = FAMILY << 16;
    rows[at + ROW.hash] = hash;
    rows[at + HOLDERS] = 0;
    this.index.insert(hash, name);
    return name;
  }

  private hash(keys: Uint32Array, keyAt: number): number {
    return halfSipHash(keys, keyAt, KEY_WORDS, this.hashKey);
  }
}
