import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Endpoint, endpoint, type Family } from '../wire/endpoint.js';
import {
  type BatchSocket,
  type BatchSocketOptions,
  DEFAULT_CAPACITY,
  DEFAULT_STRIDE,
  MAX_BATCHES_PER_WAKE,
  SEND_BUFFER_BYTES,
} from './batch-interface.js';
import { createDatagramBatch, type DatagramBatch, expectSlots } from './datagram-batch.js';
import { remoteOf, storeDatagram } from './dgram-slots.js';
import { LoopSocket } from './loop-socket.js';
import { plainLookup } from './plain-lookup.js';
import { type ShortBuffer, shortBuffers } from './short-buffer.js';
import { countBatch, openCounts, type SocketCounts } from './socket-counts.js';
import { ZoneNames } from './zone-names.js';

/**
 * Datagrams that may wait to be sent, here and in libuv, which itself queues without limit what the kernel
 * does not take: 5 MiB at most. Enough for what one batch can bring about, so that none is dropped unless
 * the send queue of the kernel is full.
 */
const MAX_WAITING = 4096;

/** Slots of a socket that would share them if it could. */
const SHARED_CAPACITY = 16;

/**
 * A batch socket on node:dgram, for where the addon cannot be used. It is slower, knows of no kernel
 * drops (always 0), and on a wildcard address of a host with several it answers from the address that
 * routing prefers, not from the one that the datagram was sent to: listen on each address where that matters.
 */
export class DgramBatchSocket extends LoopSocket implements BatchSocket {
  readonly implementation = 'dgram';
  readonly address: Endpoint;
  readonly shortBuffers: readonly ShortBuffer[];
  readonly counters: SocketCounts;
  readonly outgoing: DatagramBatch;
  readonly #socket: Socket;
  readonly #family: Family;
  readonly #batch: DatagramBatch;
  readonly #zones = new ZoneNames();
  readonly #onBatch: BatchSocketOptions['onBatch'];
  #count = 0;
  #waiting = 0;
  #answerSoon: NodeJS.Immediate | undefined;

  /** Rejects with the system's error: EADDRINUSE, EADDRNOTAVAIL, EACCES. */
  static async open(options: BatchSocketOptions): Promise<DgramBatchSocket> {
    const { family, address, port, receiveBufferBytes } = options;
    const { sendBufferBytes = SEND_BUFFER_BYTES } = options;
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      lookup: plainLookup,
      ...(receiveBufferBytes > 0 && { recvBufferSize: receiveBufferBytes }),
      ...(sendBufferBytes > 0 && { sendBufferSize: sendBufferBytes }),
    });
    socket.bind({ address, port });
    // once() rejects on 'error', which dgram emits if it cannot bind.
    await once(socket, 'listening');
    return new DgramBatchSocket(socket, options);
  }

  private constructor(socket: Socket, options: BatchSocketOptions) {
    super(socket);
    const { memory, capacity = memory ? SHARED_CAPACITY : DEFAULT_CAPACITY } = options;
    const stride = memory?.received.stride ?? options.stride ?? DEFAULT_STRIDE;
    const { receiveBufferBytes, sendBufferBytes = SEND_BUFFER_BYTES } = options;
    this.#socket = socket;
    this.#family = options.family;
    this.#batch = createDatagramBatch(capacity, stride);
    this.outgoing = createDatagramBatch(capacity, stride);
    this.#onBatch = options.onBatch;
    this.address = endpoint(options.address, socket.address().port);
    const granted = {
      receiveBufferBytes: socket.getRecvBufferSize(),
      sendBufferBytes: socket.getSendBufferSize(),
    };
    this.shortBuffers = shortBuffers({ receiveBufferBytes, sendBufferBytes }, granted);
    this.counters = openCounts(granted);
    socket.on('message', (message, remote) => this.#receive(message, remote));
    const { onError } = options;
    if (onError !== undefined) {
      socket.on('error', (error) => {
        this.counters.errors++;
        onError(error);
      });
    }
  }

  flush(count: number): number {
    expectSlots(this.outgoing, count);
    return this.#sendAll(this.outgoing, count);
  }

  /** dgram reads up to 32 datagrams a wake: they are gathered until the loop has finished reading. */
  #receive(message: Uint8Array, remote: RemoteInfo): void {
    storeDatagram(this.#batch, this.#count, message, remote, this.#zones);
    this.#count++;
    if (this.#count === this.#batch.capacity) {
      this.#answer();
    } else {
      this.#answerSoon ??= setImmediate(() => this.#answer());
    }
  }

  #answer(): void {
    clearImmediate(this.#answerSoon);
    this.#answerSoon = undefined;
    const count = this.#count;
    this.#count = 0;
    countBatch(this.counters, count);
    this.#onBatch(this.#batch, count);
    this.#sendAll(this.#batch, count);
  }

  /** Returns how many were handed over. */
  #sendAll(batch: DatagramBatch, count: number): number {
    let handed = 0;
    for (let slot = 0; slot < count; slot++) {
      if (this.#send(batch, slot)) {
        handed++;
      }
    }
    return handed;
  }

  #send(batch: DatagramBatch, slot: number): boolean {
    const { lengths, stride, payload } = batch;
    const length = lengths[slot] as number;
    if (length < 0 || length > stride) {
      return false;
    }
    if (this.#waiting === MAX_WAITING) {
      this.counters.sendDrops++;
      return false;
    }
    const { address, port } = remoteOf(batch, slot, this.#family, this.#zones);
    // A copy: dgram keeps what it cannot send at once, and the slot is needed again.
    const reply = payload.slice(slot * stride, slot * stride + length);
    try {
      this.#socket.send(reply, port, address, (error) => {
        this.#waiting--;
        this.#countSent(error);
      });
      this.#waiting++;
      return true;
    } catch (error) {
      this.#countSent(error as Error);
      return false;
    }
  }

  #countSent(error: Error | null): void {
    if (error === null) {
      this.counters.sent++;
    } else {
      this.counters.sendDrops++;
    }
  }

  protected override async shut(): Promise<void> {
    let before: number;
    let turns = 0;
    do {
      before = this.counters.received;
      // The first immediate can come before the loop polls again, the second only after it.
      await nextTurn();
      await nextTurn();
      turns++;
    } while (this.counters.received > before && turns < MAX_BATCHES_PER_WAKE);
    if (this.#count > 0) {
      this.#answer();
      // dgram looks the address up first, a numeric one too, and sends in a later tick.
      await nextTurn();
    }
    this.#socket.close();
    await once(this.#socket, 'close');
    // What libuv still has is dropped, and counted, when the handle closes: after the next immediate.
    await nextTurn();
    await nextTurn();
  }
}
