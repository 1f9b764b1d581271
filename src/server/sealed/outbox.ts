import { ADDRESS_WORDS, type DatagramBatch } from '../../socket/datagram-batch.js';

/** What of a batch socket sends datagrams that are no replies. */
export interface Outlet {
  readonly outgoing: DatagramBatch;
  flush(count: number): number;
}

/** Datagrams that are no replies in place, gathered for each socket and sent by the batch. */
export class Outbox {
  private readonly outlets: Outlet[] = [];
  private readonly counts: number[] = [];

  /** Adds a socket; they are numbered from 0 in order. */
  add(outlet: Outlet): void {
    this.outlets.push(outlet);
    this.counts.push(0);
  }

  /** The memory for the next datagram of a socket, which begins at at(socket). */
  payload(socket: number): Uint8Array {
    return this.outlets[socket]!.outgoing.payload;
  }

  at(socket: number): number {
    return this.counts[socket]! * this.outlets[socket]!.outgoing.stride;
  }

  /** Sends what was written there: `length` bytes to and from the addresses of a slot. */
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

  /** Hands all that was gathered to the sockets. */
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
