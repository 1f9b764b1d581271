import {
  ADDRESS_BYTES,
  ADDRESS_WORDS,
  type DatagramBatch,
  NO_REPLY,
  PORT_WORD,
} from '../../socket/datagram-batch.js';
import { CLASSIC_REPLY_LENGTH } from '../../wire/classic.js';
import type { Family } from '../../wire/endpoint.js';
import { addressScope, canReach } from '../../wire/endpoint-scope.js';
import { KEY_LENGTH, KEY_WORDS } from '../../wire/key.js';
import type { SourceMonitor } from '../source-monitor.js';
import { type EndpointTable, REGISTRATION } from './endpoint-table.js';

/** How many requests later a row is touched: by then its number has arrived from memory. */
const TOUCH_LAG = 4;

/** A peer that was heard so long ago may have gone to another server: clients ask every 25 s at least. */
const STALE_MS = 30_000;

/** Entries of other servers; see ClassicSharing. */
export interface Elsewhere {
  /**
   * The endpoint of a key, 4 words of address and the port, where another server heard it less than
   * `localAgeMs` ago; an unknown one is looked up for a later request.
   * @param key 32 bytes, a character each
   */
  find(key: string, family: Family, localAgeMs: number): Uint32Array | undefined;
}

/** Outcomes of classic requests since the start. */
export interface ClassicCounts {
  /** Well-formed requests; each is answered. */
  requests: number;
  /** Keys that were new, or had expired. */
  registrations: number;
  /** Known keys from the endpoint they already had. */
  refreshes: number;
  /** Known keys from another endpoint. */
  moves: number;
  /** New keys without room in the table. Their requests are answered nevertheless. */
  refused: number;
  /** Answers with an endpoint. */
  hits: number;
  /** Empty answers, the withheld ones among them. */
  misses: number;
  /** Known endpoints that the asker could not reach, such as a private address asked for from outside. */
  withheld: number;
  /** Requests from the all-zero key; not answered. */
  malformed: number;
}

/** The counts at the start. */
export function noClassicCounts(): ClassicCounts {
  return {
    requests: 0,
    registrations: 0,
    refreshes: 0,
    moves: 0,
    refused: 0,
    hits: 0,
    misses: 0,
    withheld: 0,
    malformed: 0,
  };
}

/**
 * The classic protocol over batches of datagrams. Requests are added one by one and answered together:
 * cache misses on index and rows are the largest part of an answer, and hashing the next requests hides
 * them. Each datagram is replaced by its reply in place, which has 6, 18 or 0 bytes, never more than
 * the 64 of its request.
 */
export class ClassicHandler {
  readonly counts = noClassicCounts();
  /** Set if the server shares its entries with others. */
  elsewhere: Elsewhere | undefined;

  /** The requests that were added: slot, the hashes of both keys, and their probable rows. */
  private added = 0;
  private slots = new Int32Array(0);
  private hashes = new Int32Array(0);
  private guesses = new Int32Array(0);
  private readonly touched = new Int32Array(1);

  constructor(
    private readonly table: EndpointTable,
    private readonly sources: SourceMonitor,
  ) {}

  /** Adds the request of CLASSIC_REQUEST_LENGTH bytes in a slot. */
  add(batch: DatagramBatch, slot: number): void {
    const { payloadWords } = batch;
    const keyAt = slot * (batch.stride >>> 2);
    if (isZeroKey(payloadWords, keyAt)) {
      this.counts.malformed++;
      batch.lengths[slot] = NO_REPLY;
      return;
    }
    if (this.slots.length < batch.capacity) {
      this.allocate(batch.capacity);
    }
    const { table, hashes, guesses } = this;
    const index = this.added++;
    const mine = table.hash(payloadWords, keyAt);
    const theirs = table.hash(payloadWords, keyAt + KEY_WORDS);
    this.slots[index] = slot;
    hashes[2 * index] = mine;
    hashes[2 * index + 1] = theirs;
    guesses[2 * index] = table.guess(mine);
    guesses[2 * index + 1] = table.guess(theirs);
    if (index >= TOUCH_LAG) {
      const early = 2 * (index - TOUCH_LAG);
      // Stored, so that the compiler does not leave out the reads.
      this.touched[0] = table.touch(guesses[early]!) ^ table.touch(guesses[early + 1]!);
    }
  }

  /** Answers the requests that were added, which arrived over the family; `tick` is ms modulo 2^32. */
  answer(batch: DatagramBatch, family: Family, tick: number): void {
    for (let index = 0; index < this.added; index++) {
      this.answerOne(batch, index, family, tick);
    }
    this.added = 0;
  }

  private answerOne(batch: DatagramBatch, index: number, family: Family, tick: number): void {
    const { counts, table, hashes } = this;
    const { payloadWords, addresses } = batch;
    const slot = this.slots[index]!;
    const mine = slot * (batch.stride >>> 2);
    const theirs = mine + KEY_WORDS;
    counts.requests++;
    const registration = table.register(
      payloadWords,
      mine,
      hashes[2 * index]!,
      family,
      addresses,
      slot * ADDRESS_WORDS,
      tick,
    );
    if (registration === REGISTRATION.refreshed) {
      counts.refreshes++;
    } else if (registration === REGISTRATION.moved) {
      counts.moves++;
    } else if (registration === REGISTRATION.added) {
      counts.registrations++;
      this.sources.note(batch.addressBytes, slot * ADDRESS_BYTES, family, tick);
    } else {
      counts.refused++;
    }
    const row = table.find(payloadWords, theirs, hashes[2 * index + 1]!, family, tick);
    const other = this.elsewhere && this.findElsewhere(batch, slot, family, row, tick);
    if ((row !== 0 || other !== undefined) && this.writeReply(batch, slot, family, row, other)) {
      counts.hits++;
    } else {
      counts.misses++;
      batch.lengths[slot] = 0;
    }
  }

  /** Where another server heard the peer after this one did. */
  private findElsewhere(
    { payload, stride }: DatagramBatch,
    slot: number,
    family: Family,
    row: number,
    tick: number,
  ): Uint32Array | undefined {
    const age = row === 0 ? Number.POSITIVE_INFINITY : this.table.age(row, tick);
    if (age < STALE_MS) {
      return undefined;
    }
    const keyAt = payload.byteOffset + slot * stride + KEY_LENGTH;
    const key = Buffer.from(payload.buffer, keyAt, KEY_LENGTH).toString('latin1');
    return this.elsewhere?.find(key, family, age);
  }

  /** Writes the endpoint of a row, or another one, unless the asker could not reach it. */
  private writeReply(
    batch: DatagramBatch,
    slot: number,
    family: Family,
    row: number,
    other: Uint32Array | undefined,
  ): boolean {
    const { payload, payloadWords, addressBytes } = batch;
    const length = CLASSIC_REPLY_LENGTH[family];
    const at = slot * batch.stride;
    // The words after the address take the port as a number; its two bytes are then put in order.
    if (other === undefined) {
      this.table.copyEndpoint(row, payloadWords, at >>> 2);
    } else {
      payloadWords.set(other, at >>> 2);
    }
    const asker = addressScope(addressBytes, slot * ADDRESS_BYTES, family);
    if (!canReach(asker, addressScope(payload, at, family))) {
      this.counts.withheld++;
      return false;
    }
    const port = payloadWords[(at >>> 2) + PORT_WORD]!;
    const portAt = at + length - 2;
    payload[portAt] = port >>> 8;
    payload[portAt + 1] = port;
    batch.lengths[slot] = length;
    return true;
  }

  /** Room for a larger batch than before. No request is waiting: a batch is answered before the next. */
  private allocate(capacity: number): void {
    this.slots = new Int32Array(capacity);
    this.hashes = new Int32Array(2 * capacity);
    this.guesses = new Int32Array(2 * capacity);
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
