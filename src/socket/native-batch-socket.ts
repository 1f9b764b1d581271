import { addressBytes, type Endpoint, endpoint } from '../wire/endpoint.js';
import {
  type BatchSocket,
  type BatchSocketOptions,
  DEFAULT_CAPACITY,
  DEFAULT_STRIDE,
  MAX_BATCHES_PER_WAKE,
  SEND_BUFFER_BYTES,
} from './batch-interface.js';
import type { Binding, NativeUdpBatch } from './binding.js';
import { createDatagramBatch, type DatagramBatch, expectSlots } from './datagram-batch.js';
import { LoopSocket } from './loop-socket.js';
import { type ShortBuffer, shortBuffers } from './short-buffer.js';
import { countBatch, countFilled, openCounts, type SocketCounts } from './socket-counts.js';
import { zoneNumber } from './zone.js';

/** A batch socket on recvmmsg and sendmmsg. */
export class NativeBatchSocket extends LoopSocket implements BatchSocket {
  readonly implementation = 'native';
  readonly address: Endpoint;
  readonly shortBuffers: readonly ShortBuffer[];
  readonly counters: SocketCounts;
  readonly outgoing: DatagramBatch;
  readonly #native: NativeUdpBatch;
  readonly #batch: DatagramBatch;
  readonly #onBatch: BatchSocketOptions['onBatch'];
  readonly #onError: BatchSocketOptions['onError'];
  readonly #moreFrom: number;
  #answering = false;
  #onClosed: (() => void) | undefined;

  /** Throws the system's error: EADDRINUSE, EADDRNOTAVAIL, EACCES, ENODEV. */
  constructor(binding: Binding, options: BatchSocketOptions) {
    const { family, address, port } = options;
    const { receiveBufferBytes, sendBufferBytes = SEND_BUFFER_BYTES } = options;
    const { capacity = DEFAULT_CAPACITY, stride = DEFAULT_STRIDE } = options;
    const batch = options.memory?.received ?? createDatagramBatch(capacity, stride);
    const native = new binding.UdpBatch({
      family,
      address: addressBytes(address),
      scopeId: zoneNumber(address),
      port,
      receiveBufferBytes,
      sendBufferBytes,
      interfaceName: options.interfaceName,
      fragments: options.fragments === true ? 1 : 0,
      segments: options.segments === true ? 1 : 0,
    });
    super(native);
    this.#native = native;
    this.#batch = batch;
    this.#onBatch = options.onBatch;
    this.#onError = options.onError;
    this.#moreFrom = options.moreFrom ?? batch.capacity;
    this.outgoing = options.memory?.outgoing ?? createDatagramBatch(capacity, stride);
    this.address = endpoint(address, native.port);
    this.shortBuffers = shortBuffers({ receiveBufferBytes, sendBufferBytes }, native);
    this.counters = openCounts(native, () => native.kernelDrops);
    native.start(() => this.#answerQueue());
  }

  flush(count: number): number {
    expectSlots(this.outgoing, count);
    return this.#send(this.outgoing, count);
  }

  protected override shut(): Promise<void> {
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      if (!this.#answering) {
        this.#answerQueue();
      }
    });
  }

  /** One wake: batches until the queue is empty, or others need their turn; then poll wakes us again. */
  #answerQueue(): void {
    this.#answering = true;
    let paused = false;
    try {
      for (let i = 0; i < MAX_BATCHES_PER_WAKE; i++) {
        const count = this.#answerBatch();
        if (count < this.#moreFrom) {
          break;
        }
        // Under load the socket is not watched: what it costs is saved on each datagram.
        if (!paused && count === this.#batch.capacity) {
          this.#native.pause();
          paused = true;
        }
      }
    } finally {
      this.#answering = false;
      if (this.#onClosed !== undefined) {
        this.#native.close(this.#onClosed);
      } else if (paused) {
        this.#native.resume();
      }
    }
  }

  /** Returns how many datagrams were received. */
  #answerBatch(): number {
    const { payload, stride, lengths, addresses } = this.#batch;
    const native = this.#native;
    const count = this.#attempt(() => native.receive(payload, stride, lengths, addresses));
    if (count > 0) {
      countBatch(this.counters, count);
      this.#onBatch(this.#batch, count);
      this.#send(this.#batch, count);
    }
    return count;
  }

  /** Returns how many the kernel took. */
  #send({ payload, stride, lengths, addresses }: DatagramBatch, count: number): number {
    const filled = countFilled(lengths, stride, count);
    const isOpen = this.#answering || !this.closing;
    const sent =
      filled > 0 && isOpen
        ? this.#attempt(() => this.#native.send(payload, stride, lengths, addresses, count))
        : 0;
    this.counters.sent += sent;
    this.counters.sendDrops += filled - sent;
    return sent;
  }

  /** The result of a system call, 0 if it failed. */
  #attempt(call: () => number): number {
    try {
      return call();
    } catch (error) {
      this.counters.errors++;
      if (this.#onError === undefined) {
        throw error;
      }
      this.#onError(error as Error);
      return 0;
    }
  }
}
