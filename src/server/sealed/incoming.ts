import type { Source } from '../../sealed/cookie-jar.js';
import { ADDRESS_WORDS, type DatagramBatch, PORT_WORD } from '../../socket/datagram-batch.js';
import type { Family } from '../../wire/endpoint.js';
import { Path } from './path.js';

/**
 * One datagram of a batch and where it came from; moved from slot to slot, so that nothing is allocated
 * for a datagram.
 */
export class Incoming implements Source {
  family: Family = 4;
  /** The number of the socket. */
  socket = 0;
  slot = 0;
  /** Bytes of the datagram. */
  length = 0;
  /** The hash of its source. */
  sourceHash = 0;
  /** Whether its batch came full: more is waiting. */
  isBacklogged = false;
  /** The batch's addresses as bytes. */
  addresses: Uint8Array = new Uint8Array(0);
  private batch: DatagramBatch | undefined;

  /** The batch's memory; the datagram begins at `at`. */
  get payload(): Uint8Array {
    return this.batch!.payload;
  }

  get at(): number {
    return this.slot * this.batch!.stride;
  }

  /** The batch's addresses; those of the datagram begin at addressWord. */
  get addressWords(): Uint32Array {
    return this.batch!.addresses;
  }

  get addressWord(): number {
    return this.slot * ADDRESS_WORDS;
  }

  get addressAt(): number {
    return this.addressWord * Uint32Array.BYTES_PER_ELEMENT;
  }

  get port(): number {
    return this.addressWords[this.addressWord + PORT_WORD]!;
  }

  /** Begins a batch that arrived over a socket. */
  begin(batch: DatagramBatch, count: number, family: Family, socket: number): void {
    if (this.batch !== batch) {
      this.batch = batch;
      const { buffer, byteOffset, byteLength } = batch.addresses;
      this.addresses = new Uint8Array(buffer, byteOffset, byteLength);
    }
    this.family = family;
    this.socket = socket;
    this.isBacklogged = count === batch.capacity;
  }

  isFrom(path: Path | undefined): boolean {
    return (
      path !== undefined &&
      path.family === this.family &&
      path.isFrom(this.addressWords, this.addressWord)
    );
  }

  /** Its source as a path. */
  path(now: number): Path {
    return new Path(this.family, this.addressWords, this.addressWord, this.socket, now);
  }
}
