import { networkInterfaces } from 'node:os';

/**
 * The interface number of an IPv6 address's zone (`fe80::1%eth0`); 0 where it has none.
 * Throws a RangeError when no such interface has an IPv6 address.
 */
export function zoneNumber(address: string): number {
  const zone = address.split('%', 2)[1];
  if (zone === undefined) {
    return 0;
  }
  const number = /^\d+$/.test(zone) ? Number(zone) : zones().get(zone);
  if (number === undefined) {
    throw new RangeError(`no interface ${zone} with an IPv6 address, asked for by ${address}`);
  }
  return number;
}

/** The name of an interface by its number, for a zone; undefined when there is none. */
export function zoneName(number: number): string | undefined {
  return [...zones()].find(([, candidate]) => candidate === number)?.[0];
}

/** Only link-local addresses have a scope id, and every interface that speaks IPv6 has one. */
function zones(): Map<string, number> {
  const found = new Map<string, number>();
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const address of addresses ?? []) {
      if (address.family === 'IPv6' && address.scopeid !== 0) {
        found.set(name, address.scopeid);
      }
    }
  }
  return found;
}
