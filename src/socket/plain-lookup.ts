import type { LookupOneOptions } from 'node:dns';

/**
 * For node:dgram sockets that are given addresses only, never names: takes each as it is, in a later tick.
 * dns.lookup would ask the system about a zone whose name has an underscore (`fe80::1%docker_gwbridge`),
 * which gives the address back without it.
 */
export function plainLookup(
  address: string,
  _options: LookupOneOptions,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  process.nextTick(callback, null, address, address.includes(':') ? 6 : 4);
}
