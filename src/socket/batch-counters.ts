import type { BufferBytes } from './short-buffer.js';

/** Powers of two in batchSizes: 1, 2..3, 4..7, … 256. */
const SIZE_CLASSES = 9;

/** What a batch socket has done since it opened. Plain numbers: read them whenever they are wanted. */
export class BatchCounters {
  received = 0;
  sent = 0;
  /** Datagrams that the kernel did not take: a full send queue, or an address it refuses. */
  sendDrops = 0;
  /** Receives and sends that failed as a whole. */
  errors = 0;
  batches = 0;
  /** batchSizes[n] batches had 2^n up to 2^(n+1) - 1 datagrams. */
  readonly batchSizes: number[] = new Array<number>(SIZE_CLASSES).fill(0);
  /** SO_RCVBUF and SO_SNDBUF as the kernel granted them. */
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  readonly #readKernelDrops: () => number;

  constructor(
    { receiveBufferBytes, sendBufferBytes }: BufferBytes,
    readKernelDrops: () => number = () => 0,
  ) {
    this.receiveBufferBytes = receiveBufferBytes;
    this.sendBufferBytes = sendBufferBytes;
    this.#readKernelDrops = readKernelDrops;
  }

  /** Datagrams lost to a full receive buffer; asks the kernel, at the cost of a system call. */
  get kernelDrops(): number {
    return this.#readKernelDrops();
  }

  countBatch(size: number): void {
    this.received += size;
    this.batches++;
    const sizeClass = Math.min(31 - Math.clz32(size), SIZE_CLASSES - 1);
    this.batchSizes[sizeClass] = (this.batchSizes[sizeClass] ?? 0) + 1;
  }
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
