import type { Admission } from '../limits/admission.js';
import type { BatchSocket, DatagramBatch } from '../socket/batch-socket.js';
import { NO_REPLY } from '../socket/datagram-batch.js';
import { CLASSIC_REQUEST_LENGTH } from '../wire/classic.js';
import type { Family } from '../wire/endpoint.js';
import type { ClassicHandler } from './classic/classic-handler.js';
import type { SealedHandler } from './sealed/sealed-handler.js';

/**
 * The protocols that share the sockets. One pass over a batch hands each datagram to its protocol by its
 * length: no sealed message has the length of a classic request.
 */
export class Dispatcher {
  /** @param classic undefined where the server speaks the sealed protocol only */
  constructor(
    private readonly admission: Admission,
    private readonly classic: ClassicHandler | undefined,
    private readonly sealed: SealedHandler | undefined,
  ) {}

  /** Adds a socket; sockets are numbered from 0 in order. */
  addSocket(socket: Pick<BatchSocket, 'outgoing' | 'flush'>): void {
    this.sealed?.addSocket(socket);
  }

  /** Answers a batch, which arrived over the socket with that number, at `now` (monotonic ms). */
  answer(batch: DatagramBatch, count: number, family: Family, socket: number, now: number): void {
    const { admission, classic, sealed } = this;
    const { lengths } = batch;
    sealed?.begin(batch, count, family, socket);
    for (let slot = 0; slot < count; slot++) {
      if (!admission.isWellFormed(batch, slot)) {
        lengths[slot] = NO_REPLY;
      } else if (sealed !== undefined && lengths[slot] !== CLASSIC_REQUEST_LENGTH) {
        lengths[slot] = sealed.answer(slot, now);
      } else if (classic === undefined) {
        this.dropClassic(batch, slot);
      } else if (admission.charge(batch, slot, family, now)) {
        classic.add(batch, slot);
      } else {
        lengths[slot] = NO_REPLY;
      }
    }
    classic?.answer(batch, family, now | 0);
    sealed?.finish(now);
  }

  private dropClassic({ lengths }: DatagramBatch, slot: number): void {
    lengths[slot] = NO_REPLY;
    if (this.sealed !== undefined) {
      this.sealed.counts.classicDropped++;
    }
  }
}
