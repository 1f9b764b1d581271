import type { Endpoint, Family } from '../wire/endpoint.js';
import type { DatagramBatch } from './datagram-batch.js';
import type { ShortBuffer } from './short-buffer.js';
import type { SocketCounts } from './socket-counts.js';

export interface BatchSocketOptions {
  readonly family: Family;
  /** The address to listen on; a zone (`fe80::1%eth0`) is allowed. `::` does not mean IPv4 as well. */
  readonly address: string;
  /** 0 for any. */
  readonly port: number;
  /** SO_RCVBUF; the kernel doubles it, and without CAP_NET_ADMIN caps it at net.core.rmem_max. */
  readonly receiveBufferBytes: number;
  /** SO_SNDBUF, likewise up to net.core.wmem_max. @default SEND_BUFFER_BYTES */
  readonly sendBufferBytes?: number;
  /** Receive only what arrives through this interface, and send only through it (SO_BINDTODEVICE). */
  readonly interfaceName?: string | undefined;
  /**
   * Called with each batch of 1..batch.capacity datagrams. Overwrites payload and length of a slot to
   * answer it, and sets the length to NO_REPLY to leave it unanswered; untouched, a slot is echoed.
   * The batch is reused: nothing of it may be kept.
   */
  onBatch(batch: DatagramBatch, count: number): void;
  /**
   * A receive or send failed as a whole; the socket stays open.
   * @default throws, so that it becomes an uncaughtException
   */
  readonly onError?: (error: Error) => void;
  /** Slots of a batch, 1..256. @default 128 */
  readonly capacity?: number;
  /** Bytes of a slot. @default 1280, more than any message of ours */
  readonly stride?: number;
  /**
   * Send what exceeds the MTU in fragments, over IPv4 without DF, as WireGuard sends.
   * @default false: everything fits any path; with node:dgram the system's own way
   */
  readonly fragments?: boolean;
  /**
   * Pass datagrams of one size to one destination that follow each other in a batch to the kernel as one
   * message, which it takes apart behind the IP layer (UDP_SEGMENT, also known as GSO).
   * @default false: each by itself, as always with node:dgram
   */
  readonly segments?: boolean;
  /**
   * A batch of so many datagrams is taken for a sign that more have arrived meanwhile: they are received at
   * once, which saves a turn of the event loop and costs a system call if there are none.
   * @default capacity
   */
  readonly moreFrom?: number;
  /**
   * Slots that sockets share, in place of capacity and stride: each answers its batch before another one
   * receives. A socket on node:dgram, which gathers a batch over several events, has its own of that stride.
   */
  readonly memory?: BatchMemory;
}

/** The slots of a socket: those it receives into and answers from, and `outgoing`. */
export interface BatchMemory {
  readonly received: DatagramBatch;
  readonly outgoing: DatagramBatch;
}

/** What a batch socket is built on. */
export type BatchImplementation = 'native' | 'dgram';

/** A UDP socket that hands over datagrams by the batch and sends the replies by the batch. */
export interface BatchSocket extends AsyncDisposable {
  readonly implementation: BatchImplementation;
  /** What it is bound to; never port 0. */
  readonly address: Endpoint;
  /** The buffers for which the kernel granted less than requested. */
  readonly shortBuffers: readonly ShortBuffer[];
  readonly counters: Readonly<SocketCounts>;
  /**
   * For datagrams that are no replies: fill in payload, length and addresses (those of a received slot
   * say where to and from) of slots 0, 1, … and flush them. The caller's own, but for flush().
   */
  readonly outgoing: DatagramBatch;
  /**
   * Sends the first `count` slots of `outgoing`, leaving out those whose length is not 0..stride. What
   * the kernel does not take is dropped and counted, as is everything after the close. May be called
   * from within onBatch.
   * Throws a RangeError when there are not so many slots.
   * @returns how many the kernel took; with dgram, which reports that later, how many it was given
   */
  flush(count: number): number;
  /**
   * Answers what waits in the receive queue (a bounded number of batches), then closes. Idempotent; done
   * when the descriptor is closed. From within onBatch it takes effect after that batch is answered.
   */
  close(): Promise<void>;
  ref(): this;
  unref(): this;
}

/** As many system calls as one wake, or the last one, may make before others have their turn. */
export const MAX_BATCHES_PER_WAKE = 16;

export const DEFAULT_CAPACITY = 128;

/** The range of SO_RCVBUF, in bytes: less holds no datagram; the kernel doubles it, up to INT_MAX. */
export const MIN_RECEIVE_BUFFER = 4096;
export const MAX_RECEIVE_BUFFER = 2 ** 30 - 1;

/**
 * A reply to an address of the local network waits in the kernel for its hardware address, up to 3 s, and
 * counts against the socket meanwhile: up to 212 992 bytes for each neighbour (unres_qlen_bytes), 832 for
 * a small reply, which is all that a socket has by itself. A spoofer of one unused address could keep
 * everyone from being answered. The kernel grants twice this: 64 MiB, enough for each address of a /24.
 * It is a limit, and takes no memory while replies leave.
 */
export const SEND_BUFFER_BYTES = 32 * 1024 * 1024;

/** Not a power of two: slots would then share few cache sets, and evict each other's first lines. */
export const DEFAULT_STRIDE = 1280;
