import { ADDRESS_WORDS, type DatagramBatch } from '../../socket/datagram-batch.js';

/** The part of a batch socket that sends datagrams other than replies in place. */
export interface Outlet {
  readonly outgoing: DatagramBatch;
  flush(count: number): number;
}

/** Datagrams other than replies in place, collected for each socket and sent in batches. */
export class Outbox {
  private readonly outlets: Outlet[] = [];
  private readonly counts: number[] = [];

  /** Adds a socket; sockets are numbered from 0 in order. */
  add(outlet: Outlet): void {
    this.outlets.push(outlet);
    this.counts.push(0);
  }

  /** The memory for the next datagram of a socket; the datagram begins at offset `at(socket)`. */
  payload(socket: number): Uint8Array {
    return this.outlets[socket]!.outgoing.payload;
  }

  at(socket: number): number {
    return this.counts[socket]! * this.outlets[socket]!.outgoing.stride;
  }

  /** Queues the `length` bytes that were written there, to and from the addresses of a slot. */
  send(socket: number, length: number, addresses: Uint32Array, addressAt: number): void {
    const { outgoing } = this.outlets[socket]!;
    const slot = this.counts[socket]!++;
    outgoing.lengths[slot] = length;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      outgoing.addresses[slot * ADDRESS_WORDS + i] = addresses[addressAt + i]!;
    }
    if (slot + 1 === outgoing.capacity) {
      this.flushOne(socket);
    }
  }

  /** Hands all queued datagrams to the sockets. */
  flush(): void {
    for (let socket = 0; socket < this.outlets.length; socket++) {
      if (this.counts[socket]! > 0) {
        this.flushOne(socket);
      }
    }
  }

  private flushOne(socket: number): void {
    this.outlets[socket]!.flush(this.counts[socket]!);
    this.counts[socket] = 0;
  }
}
