import type { Endpoint } from '../wire/endpoint.js';
import type { ShortBuffer } from './short-buffer.js';

/** Sockets that listen. */
export interface Listening {
  readonly addresses: readonly Endpoint[];
  /** The buffers for which the kernel granted less than was asked for. */
  readonly shortBuffers: readonly ShortBuffer[];
  /** Whether all receive and send by the batch; not so where the addon cannot be used. */
  readonly batched: boolean;
}
