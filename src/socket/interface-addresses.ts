import { networkInterfaces } from 'node:os';

const LINK_LOCAL = /^fe[89ab]/i;

/** The addresses of an interface that is up, without link-local ones; none of one that is not. */
export function interfaceAddresses(name: string): string[] {
  const all = (networkInterfaces()[name] ?? []).map(({ address }) => address);
  return all.filter((address) => !LINK_LOCAL.test(address));
}
