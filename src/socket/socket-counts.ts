/** What all batch sockets of a server have done together, since the start. */
export interface SocketCounts {
  received: number;
  sent: number;
  /** Replies that the kernel did not take. */
  sendDrops: number;
  /** Receives and sends that failed as a whole. */
  errors: number;
  /** Datagrams lost to a full receive buffer. */
  kernelDrops: number;
  batches: number;
  /** batchSizes[n] batches had 2^n up to 2^(n+1) - 1 datagrams. */
  batchSizes: number[];
  /** The smallest SO_RCVBUF and SO_SNDBUF that the kernel granted; 0 while there is no socket. */
  receiveBufferBytes: number;
  sendBufferBytes: number;
}

/** Adds up the counters of sockets; asks the kernel for its drops. */
export function sumCounters(counters: readonly Readonly<SocketCounts>[]): SocketCounts {
  const sum: SocketCounts = {
    received: 0,
    sent: 0,
    sendDrops: 0,
    errors: 0,
    kernelDrops: 0,
    batches: 0,
    batchSizes: [],
    receiveBufferBytes: 0,
    sendBufferBytes: 0,
  };
  for (const one of counters) {
    sum.received += one.received;
    sum.sent += one.sent;
    sum.sendDrops += one.sendDrops;
    sum.errors += one.errors;
    sum.kernelDrops += one.kernelDrops;
    sum.batches += one.batches;
    sum.receiveBufferBytes = smaller(sum.receiveBufferBytes, one.receiveBufferBytes);
    sum.sendBufferBytes = smaller(sum.sendBufferBytes, one.sendBufferBytes);
    for (const [size, batches] of one.batchSizes.entries()) {
      sum.batchSizes[size] = (sum.batchSizes[size] ?? 0) + batches;
    }
  }
  return sum;
}

/** The smaller of two sizes, where 0 means that there is none. */
function smaller(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : Math.min(a, b);
}
