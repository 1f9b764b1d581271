import { networkInterfaces } from 'node:os';
import { isLinkLocalIpv6 } from '../wire/endpoint-scope.js';

/** The addresses of an interface that is up, without link-local ones; none of one that is not. */
export function interfaceAddresses(name: string): string[] {
  const all = (networkInterfaces()[name] ?? []).map(({ address }) => address);
  return all.filter((address) => !isLinkLocalIpv6(address));
}
