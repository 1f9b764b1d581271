import type { BufferBytes } from './short-buffer.js';

/** Powers of two in batchSizes: 1, 2..3, 4..7, … 256. */
const SIZE_CLASSES = 9;

/** What a batch socket, or all of a server together, have done since they opened. */
export interface SocketCounts {
  received: number;
  sent: number;
  /** Datagrams that the kernel did not take: a full send queue, or an address that it refuses. */
  sendDrops: number;
  /** Receives and sends that failed as a whole. */
  errors: number;
  /** Datagrams lost to a full receive buffer; for one socket each reading is a system call. */
  kernelDrops: number;
  batches: number;
  /** batchSizes[n] batches had 2^n up to 2^(n+1) - 1 datagrams. */
  batchSizes: number[];
  /** The smallest SO_RCVBUF and SO_SNDBUF that the kernel granted; 0 while there is no socket. */
  receiveBufferBytes: number;
  sendBufferBytes: number;
}

/** The counts of a socket that has just opened. */
export function openCounts(
  { receiveBufferBytes, sendBufferBytes }: BufferBytes,
  readKernelDrops: () => number = () => 0,
): SocketCounts {
  return {
    received: 0,
    sent: 0,
    sendDrops: 0,
    errors: 0,
    get kernelDrops() {
      return readKernelDrops();
    },
    batches: 0,
    batchSizes: new Array<number>(SIZE_CLASSES).fill(0),
    receiveBufferBytes,
    sendBufferBytes,
  };
}

/** Counts a batch of received datagrams. */
export function countBatch(counts: SocketCounts, size: number): void {
  counts.received += size;
  counts.batches++;
  const sizeClass = Math.min(31 - Math.clz32(size), SIZE_CLASSES - 1);
  counts.batchSizes[sizeClass] = (counts.batchSizes[sizeClass] ?? 0) + 1;
}

/** Slots, of the first `count`, that hold something to send. */
export function countFilled(lengths: Int32Array, stride: number, count: number): number {
  let filled = 0;
  for (let i = 0; i < count; i++) {
    const length = lengths[i] as number;
    if (length >= 0 && length <= stride) {
      filled++;
    }
  }
  return filled;
}

/** Adds up the counts of sockets. */
export function sumCounts(all: readonly Readonly<SocketCounts>[]): SocketCounts {
  const total = (read: (counts: Readonly<SocketCounts>) => number) =>
    all.reduce((sum, counts) => sum + read(counts), 0);
  const smallest = (read: (counts: Readonly<SocketCounts>) => number) =>
    Math.min(...all.map(read).filter((bytes) => bytes > 0));
  const longest = Math.max(0, ...all.map(({ batchSizes }) => batchSizes.length));
  const orZero = (bytes: number) => (bytes === Number.POSITIVE_INFINITY ? 0 : bytes);
  return {
    received: total(({ received }) => received),
    sent: total(({ sent }) => sent),
    sendDrops: total(({ sendDrops }) => sendDrops),
    errors: total(({ errors }) => errors),
    kernelDrops: total(({ kernelDrops }) => kernelDrops),
    batches: total(({ batches }) => batches),
    batchSizes: Array.from({ length: longest }, (_, size) =>
      total(({ batchSizes }) => batchSizes[size] ?? 0),
    ),
    receiveBufferBytes: orZero(smallest(({ receiveBufferBytes }) => receiveBufferBytes)),
    sendBufferBytes: orZero(smallest(({ sendBufferBytes }) => sendBufferBytes)),
  };
}
