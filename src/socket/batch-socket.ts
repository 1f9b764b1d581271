import type { BatchImplementation, BatchSocket, BatchSocketOptions } from './batch-interface.js';
import { type Binding, loadBinding } from './binding.js';
import { DgramBatchSocket } from './dgram-batch-socket.js';
import { NativeBatchSocket } from './native-batch-socket.js';

export type {
  BatchImplementation,
  BatchMemory,
  BatchSocket,
  BatchSocketOptions,
} from './batch-interface.js';
export { addonProblem } from './binding.js';
export type { DatagramBatch } from './datagram-batch.js';
export type { ShortBuffer } from './short-buffer.js';

/**
 * Opens a UDP socket that answers by the batch.
 * Rejects with the system's error when the address cannot be bound.
 */
export async function openBatchSocket(
  options: BatchSocketOptions & {
    /** @default native, and dgram where the addon cannot be used */
    readonly implementation?: BatchImplementation;
  },
): Promise<BatchSocket> {
  const { implementation } = options;
  // Only the addon can tie a socket to an interface.
  const required = implementation === 'native' || options.interfaceName !== undefined;
  const binding = implementation === 'dgram' ? undefined : findBinding(required);
  return binding === undefined
    ? DgramBatchSocket.open(options)
    : new NativeBatchSocket(binding, options);
}

function findBinding(required: boolean): Binding | undefined {
  try {
    return loadBinding();
  } catch (error) {
    if (required) {
      throw error;
    }
    return undefined;
  }
}
