import { addressBytes, type Endpoint, endpoint } from '../wire/endpoint.js';
import { BatchCounters, countReplies } from './batch-counters.js';
import {
  type BatchSocket,
  type BatchSocketOptions,
  DEFAULT_CAPACITY,
  DEFAULT_STRIDE,
  MAX_BATCHES_PER_WAKE,
} from './batch-interface.js';
import type { Binding, NativeUdpBatch } from './binding.js';
import { createDatagramBatch, type DatagramBatch } from './datagram-batch.js';
import { zoneNumber } from './zone.js';

/** A batch socket on recvmmsg and sendmmsg. */
export class NativeBatchSocket implements BatchSocket {
  readonly implementation = 'native';
  readonly address: Endpoint;
  readonly receiveBufferBytes: number;
  readonly counters: BatchCounters;
  readonly #native: NativeUdpBatch;
  readonly #batch: DatagramBatch;
  readonly #onBatch: BatchSocketOptions['onBatch'];
  readonly #onError: BatchSocketOptions['onError'];
  #answering = false;
  #closed: Promise<void> | undefined;
  #onClosed: (() => void) | undefined;

  /** Throws the system's error: EADDRINUSE, EADDRNOTAVAIL, EACCES. */
  constructor(binding: Binding, options: BatchSocketOptions) {
    const { family, address, port, receiveBufferBytes } = options;
    const { capacity = DEFAULT_CAPACITY, stride = DEFAULT_STRIDE } = options;
    this.#batch = createDatagramBatch(capacity, stride);
    this.#onBatch = options.onBatch;
    this.#onError = options.onError;
    const native = new binding.UdpBatch({
      family,
      address: addressBytes(address),
      scopeId: zoneNumber(address),
      port,
      receiveBufferBytes,
    });
    this.#native = native;
    this.address = endpoint(address, native.port);
    this.receiveBufferBytes = native.receiveBufferBytes;
    this.counters = new BatchCounters(() => native.kernelDrops);
    native.start(() => this.#answerQueue());
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#onClosed = resolve;
      if (!this.#answering) {
        this.#answerQueue();
      }
    });
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  ref(): this {
    this.#native.ref();
    return this;
  }

  unref(): this {
    this.#native.unref();
    return this;
  }

  /** One wake: batches until the queue is empty, or others need their turn; then poll wakes us again. */
  #answerQueue(): void {
    this.#answering = true;
    let paused = false;
    try {
      for (let i = 0; i < MAX_BATCHES_PER_WAKE && this.#answerBatch(); i++) {
        // Under load the socket is not watched: what it costs is saved on each datagram.
        if (!paused) {
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

  /** Whether more datagrams may be waiting. */
  #answerBatch(): boolean {
    const { payload, stride, lengths, addresses, capacity } = this.#batch;
    const native = this.#native;
    const count = this.#attempt(() => native.receive(payload, stride, lengths, addresses));
    if (count === 0) {
      return false;
    }
    this.counters.countBatch(count);
    this.#onBatch(this.#batch, count);
    const replies = countReplies(lengths, stride, count);
    if (replies > 0) {
      const sent = this.#attempt(() => native.send(payload, stride, lengths, addresses, count));
      this.counters.sent += sent;
      this.counters.sendDrops += replies - sent;
    }
    return count === capacity;
  }

  /** The result of a system call, 0 where it failed. */
  #attempt(call: () => number): number {
    try {
      return call();
    } catch (error) {
      if (this.#onError === undefined) {
        throw error;
      }
      this.#onError(error as Error);
      return 0;
    }
  }
}
