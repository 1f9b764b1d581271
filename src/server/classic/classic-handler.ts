import type { HashKey } from '../../limits/half-siphash.js';
import type { RateLimiter } from '../../limits/rate-limiter.js';
import { sourceHash } from '../../limits/source-hash.js';
import {
  ADDRESS_WORDS,
  type DatagramBatch,
  NO_REPLY,
  PORT_WORD,
} from '../../socket/datagram-batch.js';
import { CLASSIC_REPLY_LENGTH, CLASSIC_REQUEST_LENGTH } from '../../wire/classic.js';
import type { Family } from '../../wire/endpoint.js';
import { type EndpointTable, REGISTRATION } from './endpoint-table.js';

const KEY_WORDS = 8;

/** A row is touched when the hashes of so many more datagrams are made: its number is there by then. */
const TOUCH_LAG = 4;

/** What the classic protocol's datagrams came to, since the start. */
export interface ClassicCounts {
  /** Well-formed requests; each is answered. */
  requests: number;
  /** Keys that were new, or again there after they expired. */
  registrations: number;
  /** Known keys from the endpoint they already had. */
  refreshes: number;
  /** Known keys from another endpoint. */
  moves: number;
  /** New keys there was no room for; the request was answered all the same. */
  refused: number;
  /** Answers with an endpoint. */
  hits: number;
  /** Empty answers. */
  misses: number;
  /** Datagrams that are no request; not answered. */
  malformed: number;
  /** Datagrams of sources that sent more than their share; not answered. */
  limited: number;
}

/** The counts of a handler that has not handled anything. */
export function noClassicCounts(): ClassicCounts {
  return {
    requests: 0,
    registrations: 0,
    refreshes: 0,
    moves: 0,
    refused: 0,
    hits: 0,
    misses: 0,
    malformed: 0,
    limited: 0,
  };
}

/**
 * The classic protocol over batches of datagrams: each is replaced by its reply in place. A reply is
 * 6, 18 or 0 bytes, never more than the 64 of its request.
 */
export class ClassicHandler {
  readonly counts = noClassicCounts();

  private sources = new Int32Array(0);
  /** Two for each datagram: the sender's key, the key asked for. */
  private hashes = new Int32Array(0);
  /** The rows those keys have most likely. */
  private guesses = new Int32Array(0);
  private readonly touched = new Int32Array(1);

  constructor(
    private readonly table: EndpointTable,
    private readonly limiter: RateLimiter,
    private readonly hashKey: HashKey,
  ) {}

  /**
   * Answers the first `count` datagrams, which arrived over the family, at `now` (monotonic ms). Those
   * whose length is NO_REPLY already are passed over.
   */
  handle(batch: DatagramBatch, count: number, family: Family, now: number): void {
    if (this.sources.length < count) {
      this.sources = new Int32Array(batch.capacity);
      this.hashes = new Int32Array(2 * batch.capacity);
      this.guesses = new Int32Array(2 * batch.capacity);
    }
    this.admit(batch, count, family, now);
    const tick = now | 0;
    for (let slot = 0; slot < count; slot++) {
      if (batch.lengths[slot] !== NO_REPLY) {
        this.answer(batch, slot, family, tick);
      }
    }
  }

  /**
   * Drops what is over its source's rate or no request, and hashes the rest. Cache misses on index and
   * rows are the largest part of an answer: they are started here, where hashing hides them.
   */
  private admit(batch: DatagramBatch, count: number, family: Family, now: number): void {
    const { table, sources, hashes, guesses } = this;
    const { lengths, addresses, payloadWords } = batch;
    const strideWords = batch.stride >>> 2;
    let touched = 0;
    for (let slot = 0; slot < count; slot++) {
      if (lengths[slot] === NO_REPLY) {
        continue; // not ours
      }
      const addressAt = slot * ADDRESS_WORDS;
      const keyAt = slot * strideWords;
      const source = sourceHash(addresses, addressAt, family, this.hashKey);
      if (!this.limiter.allows(source, now)) {
        this.counts.limited++;
        lengths[slot] = NO_REPLY;
      } else if (
        lengths[slot] !== CLASSIC_REQUEST_LENGTH ||
        addresses[addressAt + PORT_WORD] === 0 || // nothing can be sent to port 0
        isZeroKey(payloadWords, keyAt)
      ) {
        this.counts.malformed++;
        lengths[slot] = NO_REPLY;
      } else {
        const mine = table.hash(payloadWords, keyAt);
        const theirs = table.hash(payloadWords, keyAt + KEY_WORDS);
        sources[slot] = source;
        hashes[2 * slot] = mine;
        hashes[2 * slot + 1] = theirs;
        guesses[2 * slot] = table.guess(mine);
        guesses[2 * slot + 1] = table.guess(theirs);
      }
      if (slot >= TOUCH_LAG) {
        touched ^= table.touch(guesses[2 * (slot - TOUCH_LAG)]!);
        touched ^= table.touch(guesses[2 * (slot - TOUCH_LAG) + 1]!);
      }
    }
    this.touched[0] = touched; // kept, so that the compiler does not leave out the reads
  }

  private answer(batch: DatagramBatch, slot: number, family: Family, tick: number): void {
    const { counts, table, hashes } = this;
    const { payloadWords, addresses } = batch;
    const mine = slot * (batch.stride >>> 2);
    const theirs = mine + KEY_WORDS;
    counts.requests++;
    const registration = table.register(
      payloadWords,
      mine,
      hashes[2 * slot]!,
      family,
      addresses,
      slot * ADDRESS_WORDS,
      this.sources[slot]!,
      tick,
    );
    if (registration === REGISTRATION.refreshed) {
      counts.refreshes++;
    } else if (registration === REGISTRATION.moved) {
      counts.moves++;
    } else if (registration === REGISTRATION.added) {
      counts.registrations++;
    } else {
      counts.refused++;
    }
    const row = table.find(payloadWords, theirs, hashes[2 * slot + 1]!, family, tick);
    if (row === 0) {
      counts.misses++;
      batch.lengths[slot] = 0;
      return;
    }
    counts.hits++;
    this.writeReply(batch, slot, family, row);
  }

  private writeReply(batch: DatagramBatch, slot: number, family: Family, row: number): void {
    const length = CLASSIC_REPLY_LENGTH[family];
    const at = slot * (batch.stride >>> 2);
    // The words after the address take the port as a number; its two bytes are then put in order.
    this.table.copyEndpoint(row, batch.payloadWords, at);
    const port = batch.payloadWords[at + PORT_WORD]!;
    const portAt = slot * batch.stride + length - 2;
    batch.payload[portAt] = port >>> 8;
    batch.payload[portAt + 1] = port;
    batch.lengths[slot] = length;
  }
}

/** The all-zero key, which no peer can have; in the original it stands for a free entry. */
function isZeroKey(words: Uint32Array, at: number): boolean {
  for (let i = 0; i < KEY_WORDS; i++) {
    if (words[at + i] !== 0) {
      return false;
    }
  }
  return true;
}
