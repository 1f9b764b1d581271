import type { Admission } from '../limits/admission.js';
import type { DatagramBatch } from '../socket/batch-socket.js';
import { NO_REPLY } from '../socket/datagram-batch.js';
import { CLASSIC_REQUEST_LENGTH } from '../wire/classic.js';
import type { Family } from '../wire/endpoint.js';
import type { ClassicHandler } from './classic/classic-handler.js';
import type { SocketRole } from './ports.js';
import type { SealedHandler } from './sealed/sealed-handler.js';
import type { StunHandler } from './stun-handler.js';

/**
 * The protocols that share the sockets. One pass over a batch hands each datagram to its protocol: STUN by its
 * header, the others by their length, as no sealed message has the length of a classic request.
 */
export class Dispatcher {
  /** @param classic undefined if the server speaks the sealed protocol only */
  constructor(
    private readonly admission: Admission,
    private readonly classic: ClassicHandler | undefined,
    private readonly sealed: SealedHandler | undefined,
    private readonly stun?: StunHandler | undefined,
  ) {}

  /**
   * Answers a batch, which arrived over the socket with that number, at `now` (monotonic ms). What the
   * handlers send besides is in the outbox; sealed.finish() or the caller sends it.
   * @param role what the socket is for
   */
  answer(
    batch: DatagramBatch,
    count: number,
    family: Family,
    socket: number,
    now: number,
    role: SocketRole = 'main',
  ): void {
    const { admission, classic, sealed, stun } = this;
    const { lengths } = batch;
    sealed?.begin(batch, count, family, socket);
    for (let slot = 0; slot < count; slot++) {
      if (stun?.isRequest(batch, slot)) {
        lengths[slot] = admission.admitsAnyLength(batch, slot, family, now)
          ? stun.answer(batch, slot, family, socket)
          : NO_REPLY;
      } else if (role !== 'main' && !isForProbePort(role, sealed, lengths[slot]!)) {
        admission.refuse();
        lengths[slot] = NO_REPLY;
      } else if (!admission.isWellFormed(batch, slot)) {
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

/** Whether a protocol other than STUN may be spoken there: not the classic one. */
function isForProbePort(role: SocketRole, sealed: unknown, length: number): boolean {
  return role === 'probe' && sealed !== undefined && length !== CLASSIC_REQUEST_LENGTH;
}
