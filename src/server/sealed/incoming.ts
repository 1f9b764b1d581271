import type { HashKey } from '../../limits/half-siphash.js';
import { type Source, sourceAt } from '../../limits/source.js';
import { sourceHash } from '../../limits/source-hash.js';
import type { CookieSource } from '../../sealed/cookie-checker.js';
import {
  ADDRESS_BYTES,
  ADDRESS_WORDS,
  type DatagramBatch,
  PORT_WORD,
} from '../../socket/datagram-batch.js';
import {
  ADDRESS_LENGTH,
  type Endpoint,
  endpoint,
  type Family,
  formatAddress,
} from '../../wire/endpoint.js';
import { ProvenPath } from './proven-path.js';

/**
 * One datagram of a batch and where it came from. It is moved from slot to slot, so that no datagram
 * allocates anything.
 */
export class Incoming implements CookieSource {
  family: Family = 4;
  /** The number of the socket. */
  socket = 0;
  slot = 0;
  /** Whether its batch came full: more datagrams are waiting. */
  isBacklogged = false;
  private current: DatagramBatch | undefined;

  constructor(private readonly hashKey: HashKey) {}

  /** Begins a batch of `count` datagrams that arrived over a socket. */
  begin(batch: DatagramBatch, count: number, family: Family, socket: number): void {
    this.current = batch;
    this.family = family;
    this.socket = socket;
    this.isBacklogged = count === batch.capacity;
  }

  get batch(): DatagramBatch {
    return this.current!;
  }

  /** The batch's memory; the datagram begins at `at`. */
  get payload(): Uint8Array {
    return this.batch.payload;
  }

  get payloadWords(): Uint32Array {
    return this.batch.payloadWords;
  }

  get at(): number {
    return this.slot * this.batch.stride;
  }

  /** Bytes of the datagram. */
  get length(): number {
    return this.batch.lengths[this.slot]!;
  }

  /** The batch's addresses; those of the datagram begin at addressWord, or addressAt in bytes. */
  get addressWords(): Uint32Array {
    return this.batch.addresses;
  }

  get addressWord(): number {
    return this.slot * ADDRESS_WORDS;
  }

  get addresses(): Uint8Array {
    return this.batch.addressBytes;
  }

  get addressAt(): number {
    return this.slot * ADDRESS_BYTES;
  }

  get port(): number {
    return this.addressWords[this.addressWord + PORT_WORD]!;
  }

  /** Its source as an endpoint. */
  get endpoint(): Endpoint {
    const { addresses, addressAt, family, port } = this;
    const bytes = addresses.subarray(addressAt, addressAt + ADDRESS_LENGTH[family]);
    return endpoint(formatAddress(bytes), port);
  }

  /** The networks that it counts against. */
  get source(): Source {
    return sourceAt(this.addressWords, this.addressWord, this.family, this.hashKey);
  }

  get sourceHash(): number {
    return sourceHash(this.addressWords, this.addressWord, this.family, this.hashKey);
  }

  isFrom(path: ProvenPath): boolean {
    return path.family === this.family && path.isFrom(this.addressWords, this.addressWord);
  }

  /** Its source as a path, which the caller knows to be proven. */
  path(now: number): ProvenPath {
    return new ProvenPath(this.family, this.addressWords, this.addressWord, this.socket, now);
  }
}
