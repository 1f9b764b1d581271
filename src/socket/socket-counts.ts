/** What all batch sockets of a server have done together, since the start. */
export interface SocketCounts {
  received: number;
  sent: number;
  /** Replies that the kernel did not take. */
  sendDrops: number;
  /** Datagrams lost to a full receive buffer. */
  kernelDrops: number;
  batches: number;
  /** batchSizes[n] batches had 2^n up to 2^(n+1) - 1 datagrams. */
  batchSizes: number[];
}

/** Adds up the counters of sockets; asks the kernel for its drops. */
export function sumCounters(counters: readonly Readonly<SocketCounts>[]): SocketCounts {
  const sum: SocketCounts = {
    received: 0,
    sent: 0,
    sendDrops: 0,
    kernelDrops: 0,
    batches: 0,
    batchSizes: [],
  };
  for (const one of counters) {
    sum.received += one.received;
    sum.sent += one.sent;
    sum.sendDrops += one.sendDrops;
    sum.kernelDrops += one.kernelDrops;
    sum.batches += one.batches;
    for (const [size, batches] of one.batchSizes.entries()) {
      sum.batchSizes[size] = (sum.batchSizes[size] ?? 0) + batches;
    }
  }
  return sum;
}
