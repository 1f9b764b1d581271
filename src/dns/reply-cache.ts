import { type HashKey, halfSipHash } from '../limits/half-siphash.js';

/** Sets of two slots of 512 bytes each: 16 MiB, of which what is not used costs nothing. */
const SETS = 16_384;
const WAYS = 2;
const SLOT_WORDS = 128;

/** Words of a slot: generation, bytes of query and reply; then the query, then the reply. */
const GENERATION = 0;
const QUERY_LENGTH = 1;
const REPLY_LENGTH = 2;
const QUERY = 4;
const MAX_QUERY_WORDS = 40;
const REPLY = QUERY + MAX_QUERY_WORDS;
const MAX_REPLY_WORDS = SLOT_WORDS - REPLY;

/** In memory the ID of a message is the first two of its bytes. */
const ID_MASK = new Uint32Array(Uint8Array.of(0xff, 0xff, 0, 0).buffer)[0] as number;

/**
 * Replies to queries of the very same bytes but for the ID: all that a resolver or client asks again and
 * again. It saves no work that counts for few peers; with many it saves the memory accesses that a
 * reply takes, which would make 10 000 peers slower than 10. Long queries and replies are not kept.
 */
export class ReplyCache {
  private readonly slots = new Uint32Array(SETS * WAYS * SLOT_WORDS);
  /** The query that was looked for last. */
  private readonly query = new Uint32Array(MAX_QUERY_WORDS);
  private readonly queryBytes = new Uint8Array(this.query.buffer);
  private queryLength = 0;
  private set = 0;
  private generation = 1;
  private version: number | undefined;

  constructor(private readonly hashKey: HashKey) {}

  /** Forgets all replies when this is another version than before. */
  expect(version: number): void {
    if (version !== this.version) {
      this.version = version;
      this.generation = (this.generation + 1) >>> 0 || 1;
    }
  }

  /**
   * Puts the reply to a query in its place.
   * @param words holds the query from word `at` on, with room to the end of its last word
   * @returns bytes of the reply; undefined where there is none
   */
  answer(words: Uint32Array, at: number, length: number): number | undefined {
    const count = (length + 3) >>> 2;
    this.queryLength = 0;
    if (count > MAX_QUERY_WORDS || count === 0) {
      return undefined;
    }
    this.readQuery(words, at, count, length);
    const start = this.find(count);
    if (start === undefined) {
      return undefined;
    }
    const { slots } = this;
    const id = (words[at] as number) & ID_MASK;
    const replyLength = slots[start + REPLY_LENGTH]!;
    const replyWords = (replyLength + 3) >>> 2;
    for (let i = 0; i < replyWords; i++) {
      words[at + i] = slots[start + REPLY + i]!;
    }
    words[at] = (words[at]! & ~ID_MASK) | id;
    return replyLength;
  }

  /** Keeps the reply to the query that was looked for last, which now is in its place. */
  keep(words: Uint32Array, at: number, length: number): void {
    const count = (length + 3) >>> 2;
    if (this.queryLength === 0 || count > MAX_REPLY_WORDS) {
      return;
    }
    const { slots } = this;
    const start = this.freeSlot();
    slots[start + GENERATION] = this.generation;
    slots[start + QUERY_LENGTH] = this.queryLength;
    slots[start + REPLY_LENGTH] = length;
    slots.set(this.query, start + QUERY);
    slots.set(words.subarray(at, at + count), start + REPLY);
  }

  /** Copies a query without its ID and with zeros up to the end of its last word. */
  private readQuery(words: Uint32Array, at: number, count: number, length: number): void {
    const { query } = this;
    for (let i = 0; i < count; i++) {
      query[i] = words[at + i]!;
    }
    query[0] = query[0]! & ~ID_MASK;
    this.queryBytes.fill(0, length, count * 4);
    this.queryLength = length;
    this.set = (halfSipHash(query, 0, count, this.hashKey) & (SETS - 1)) * WAYS * SLOT_WORDS;
  }

  private find(count: number): number | undefined {
    const { slots, query } = this;
    for (let way = 0; way < WAYS; way++) {
      const start = this.set + way * SLOT_WORDS;
      if (
        slots[start + GENERATION] === this.generation &&
        slots[start + QUERY_LENGTH] === this.queryLength
      ) {
        let i = 0;
        while (i < count && slots[start + QUERY + i] === query[i]) {
          i++;
        }
        if (i === count) {
          return start;
        }
      }
    }
    return undefined;
  }

  /** A slot of another generation, else the one that the query's own bytes fall on. */
  private freeSlot(): number {
    for (let way = 0; way < WAYS; way++) {
      const start = this.set + way * SLOT_WORDS;
      if (this.slots[start + GENERATION] !== this.generation) {
        return start;
      }
    }
    return this.set + (this.queryLength % WAYS) * SLOT_WORDS;
  }
}
