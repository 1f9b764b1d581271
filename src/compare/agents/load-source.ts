import {
  type BatchSocket,
  type DatagramBatch,
  openBatchSocket,
} from '../../socket/batch-socket.js';
import { ADDRESS_WORDS, NO_REPLY, PORT_WORD } from '../../socket/datagram-batch.js';
import { addressBytes } from '../../wire/endpoint.js';
import type { Talk } from './talk.js';

/** Requests of a source that are on their way. */
const WINDOW = 8;
const SERVER = addressBytes('127.0.0.1');

/** One address that asks a server, on a batch socket: as fast as the server's own. */
export class LoadSource {
  answered = 0;
  /** How many answers had so many bytes. */
  readonly lengths = new Map<number, number>();
  /** The first answer since the last `forgetAnswers`. */
  sample: Uint8Array | undefined;
  readonly talk: Talk;
  readonly #port: number;
  #socket: BatchSocket | undefined;
  #onTheWay = 0;
  #answeredBefore = -1;
  #closing = false;

  private constructor(port: number, talk: Talk) {
    this.#port = port;
    this.talk = talk;
  }

  /** A source with this address, that asks 127.0.0.1 at `port`. */
  static async open(address: string, port: number, talk: Talk): Promise<LoadSource> {
    const source = new LoadSource(port, talk);
    source.#socket = await openBatchSocket({
      family: 4,
      address,
      port: 0,
      receiveBufferBytes: 0,
      onBatch: (batch, count) => source.#onBatch(batch, count),
    });
    return source;
  }

  /** Sends as many requests as may be on their way; each answer brings the next one. */
  fill(): void {
    const socket = this.#socket as BatchSocket;
    const { addresses, payload, stride, lengths } = socket.outgoing;
    const missing = WINDOW - this.#onTheWay;
    for (let slot = 0; slot < missing; slot++) {
      const at = slot * ADDRESS_WORDS;
      addresses.fill(0, at, at + ADDRESS_WORDS);
      new Uint8Array(addresses.buffer, addresses.byteOffset + at * 4, 4).set(SERVER);
      addresses[at + PORT_WORD] = this.#port;
      lengths[slot] = this.#counted(this.talk.next(payload, slot * stride));
    }
    socket.flush(Math.max(missing, 0));
  }

  restartIfStalled(): void {
    if (this.answered === this.#answeredBefore) {
      this.talk.restart();
      this.#onTheWay = 0;
      this.fill();
    }
    this.#answeredBefore = this.answered;
  }

  forgetAnswers(): void {
    this.lengths.clear();
    this.sample = undefined;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#socket?.close();
  }

  #onBatch({ payload, stride, lengths }: DatagramBatch, count: number): void {
    for (let slot = 0; slot < count; slot++) {
      const start = slot * stride;
      const length = lengths[slot]!;
      this.answered++;
      this.lengths.set(length, (this.lengths.get(length) ?? 0) + 1);
      this.sample ??= payload.slice(start, start + length);
      this.#onTheWay--;
      lengths[slot] = this.#closing
        ? NO_REPLY
        : this.#counted(this.talk.answer(payload, start, length));
    }
  }

  #counted(length: number): number {
    if (length >= 0) {
      this.#onTheWay++;
    }
    return length;
  }
}
