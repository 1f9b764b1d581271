import type { Family } from '../../wire/endpoint.js';
import { MAX_MESSAGE_LENGTH } from '../../wire/sealed.js';
import { FrameWriter } from '../../wire/sealed-frame-writer.js';
import type { Paths } from './paths.js';
import type { Session } from './session.js';

/** Sends a message over a family; false when it cannot be sent there. The bytes are reused. */
export type Send = (family: Family, message: Uint8Array) => boolean;

/** Seals frames and sends them. */
export class FrameSender {
  /** The frame that is sent next. */
  readonly writer = new FrameWriter();
  readonly #send: Send;
  readonly #paths: Paths;
  readonly #message = new Uint8Array(MAX_MESSAGE_LENGTH);

  constructor(send: Send, paths: Paths) {
    this.#send = send;
    this.#paths = paths;
  }

  /**
   * Sends what was written over the first of the families that takes it. One that is not sent, for the
   * session's end or an error, is as good as lost.
   * @returns the message's counter
   */
  send(session: Session, families: readonly Family[], now: number): number {
    const { bytes, length } = this.writer;
    const counter = session.transport.sealedCount;
    const sealed = session.transport.seal(session.theirs, bytes, length, this.#message, 0);
    const message = this.#message.subarray(0, Math.max(sealed, 0));
    const family = sealed < 0 ? undefined : families.find((one) => this.#send(one, message));
    if (family !== undefined) {
      this.#paths.sent(family, now);
    }
    return counter;
  }
}
