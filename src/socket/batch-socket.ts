import type { BatchSocket, BatchSocketOptions } from './batch-interface.js';
import { type Binding, loadBinding } from './binding.js';
import { DgramBatchSocket } from './dgram-batch-socket.js';
import { NativeBatchSocket } from './native-batch-socket.js';

export type { BatchSocket, BatchSocketOptions } from './batch-interface.js';
export type { DatagramBatch } from './datagram-batch.js';

/** What a batch socket is made on. */
export type BatchImplementation = 'native' | 'dgram';

/**
 * Opens a UDP socket that answers by the batch.
 * Rejects with the system's error when the address cannot be bound.
 */
export async function openBatchSocket(
  options: BatchSocketOptions & {
    /** @default native, and dgram where the addon was not built */
    readonly implementation?: BatchImplementation;
  },
): Promise<BatchSocket> {
  const binding = options.implementation === 'dgram' ? undefined : findBinding();
  if (binding !== undefined) {
    return new NativeBatchSocket(binding, options);
  }
  if (options.implementation === 'native') {
    throw new Error('the addon was not built: run npx node-gyp rebuild');
  }
  return DgramBatchSocket.open(options);
}

function findBinding(): Binding | undefined {
  try {
    return loadBinding();
  } catch {
    return undefined;
  }
}
