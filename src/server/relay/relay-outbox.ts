import { ADDRESS_WORDS } from '../../socket/datagram-batch.js';
import type { Outlet } from '../sealed/outbox.js';
import type { ProvenPath } from '../sealed/proven-path.js';

/**
 * Datagrams that leave by another socket than the one they came in by, or that answer nothing. All sockets
 * of the relay send from the same memory, so that one of them at a time has datagrams in it.
 */
export class RelayOutbox {
  private readonly outlets: Outlet[] = [];
  private socket = 0;
  private count = 0;

  /** Adds a socket; sockets are numbered from 0 in order. */
  add(outlet: Outlet): void {
    this.outlets.push(outlet);
  }

  /** Queues the `length` bytes at `at` for a path. */
  send(path: ProvenPath, payload: Uint8Array, at: number, length: number): void {
    if (path.socket !== this.socket) {
      this.flush();
      this.socket = path.socket;
    }
    const { outgoing } = this.outlets[path.socket]!;
    const slot = this.count++;
    outgoing.payload.set(payload.subarray(at, at + length), slot * outgoing.stride);
    outgoing.lengths[slot] = length;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      outgoing.addresses[slot * ADDRESS_WORDS + i] = path.addresses[i]!;
    }
    if (this.count === outgoing.capacity) {
      this.flush();
    }
  }

  /** Hands all queued datagrams to their socket. */
  flush(): void {
    if (this.count > 0) {
      this.outlets[this.socket]!.flush(this.count);
      this.count = 0;
    }
  }
}
