/** SO_RCVBUF and SO_SNDBUF of a socket. */
export interface BufferBytes {
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
}

/** A queue of a socket for which the kernel granted less than requested. */
export interface ShortBuffer {
  readonly queue: 'receive' | 'send';
  readonly askedBytes: number;
  /** In the same unit; the kernel accounts and reports twice as much. */
  readonly grantedBytes: number;
}

/**
 * Compares the requested size (0: none) with the size that the kernel reports. Without CAP_NET_ADMIN it grants no
 * more than net.core.rmem_max and net.core.wmem_max, and says nothing.
 */
export function shortBuffers(asked: BufferBytes, granted: BufferBytes): ShortBuffer[] {
  const queues = [
    ['receive', asked.receiveBufferBytes, granted.receiveBufferBytes / 2],
    ['send', asked.sendBufferBytes, granted.sendBufferBytes / 2],
  ] as const;
  return queues
    .filter(([, askedBytes, grantedBytes]) => grantedBytes < askedBytes)
    .map(([queue, askedBytes, grantedBytes]) => ({ queue, askedBytes, grantedBytes }));
}
