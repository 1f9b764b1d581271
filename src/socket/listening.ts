import type { Endpoint } from '../wire/endpoint.js';
import type { ShortBuffer } from './short-buffer.js';

/** Sockets that listen. */
export interface Listening {
  readonly addresses: readonly Endpoint[];
  /** The buffers for which the kernel granted less than requested. */
  readonly shortBuffers: readonly ShortBuffer[];
  /** Whether all receive and send by the batch; not so where the addon cannot be used. */
  readonly batched: boolean;
}

/** Where to listen. An optional endpoint is left out where the host lacks its address family. */
export type ListenEndpoint = Endpoint & { readonly optional?: boolean };

/** bind(2) fails with one of these where the host has no IPv6. */
const NO_FAMILY_CODES: readonly unknown[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/**
 * Opens a socket at an endpoint. Resolves to undefined if an optional endpoint is of a family that the
 * host lacks. Otherwise rejects with the system's error, to which address and port are added, as node:net
 * does.
 */
export async function openAt<T>(
  { address, port, optional }: ListenEndpoint,
  open: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (optional === true && NO_FAMILY_CODES.includes((error as { code?: unknown }).code)) {
      return undefined;
    }
    throw Object.assign(error as Error, { address, port });
  }
}
