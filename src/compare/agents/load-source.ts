import {
  type BatchSocket,
  type DatagramBatch,
  openBatchSocket,
} from '../../socket/batch-socket.js';
import { ADDRESS_WORDS, NO_REPLY, PORT_WORD } from '../../socket/datagram-batch.js';
import { addressBytes } from '../../wire/endpoint.js';
import type { LoadScript } from './load-script.js';

/** Requests of a source that may be in flight. */
const WINDOW = 8;
const SERVER = addressBytes('127.0.0.1');

/** One client address, on a batch socket: as fast as the server's own. */
export class LoadSource {
  answered = 0;
  /** The number of answers by length in bytes. */
  readonly lengths = new Map<number, number>();
  /** The first answer since the last `forgetAnswers`. */
  sample: Uint8Array | undefined;
  readonly script: LoadScript;
  readonly #port: number;
  #socket: BatchSocket | undefined;
  #inFlight = 0;
  #answeredBefore = -1;
  #closing = false;

  private constructor(port: number, script: LoadScript) {
    this.#port = port;
    this.script = script;
  }

  /** Opens a source at this address that sends to 127.0.0.1:`port`. */
  static async open(address: string, port: number, script: LoadScript): Promise<LoadSource> {
    const source = new LoadSource(port, script);
    source.#socket = await openBatchSocket({
      family: 4,
      address,
      port: 0,
      receiveBufferBytes: 0,
      onBatch: (batch, count) => source.#onBatch(batch, count),
    });
    return source;
  }

  /** Fills the window with requests; each answer triggers the next one. */
  fill(): void {
    const socket = this.#socket as BatchSocket;
    const { addresses, payload, stride, lengths } = socket.outgoing;
    const missing = WINDOW - this.#inFlight;
    for (let slot = 0; slot < missing; slot++) {
      const at = slot * ADDRESS_WORDS;
      addresses.fill(0, at, at + ADDRESS_WORDS);
      new Uint8Array(addresses.buffer, addresses.byteOffset + at * 4, 4).set(SERVER);
      addresses[at + PORT_WORD] = this.#port;
      lengths[slot] = this.#counted(this.script.next(payload, slot * stride));
    }
    socket.flush(Math.max(missing, 0));
  }

  restartIfStalled(): void {
    if (this.answered === this.#answeredBefore) {
      this.script.restart();
      this.#inFlight = 0;
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
      this.#inFlight--;
      lengths[slot] = this.#closing
        ? NO_REPLY
        : this.#counted(this.script.answer(payload, start, length));
    }
  }

  #counted(length: number): number {
    if (length >= 0) {
      this.#inFlight++;
    }
    return length;
  }
}
