import { zoneOf } from '../wire/endpoint.js';
import { loadBinding } from './binding.js';

const MAX_INTERFACE_NUMBER = 0xffff_ffff;

/**
 * The interface number of an IPv6 address's zone (`fe80::1%eth0`, `fe80::1%3`); 0 if it has none.
 * Throws a RangeError when there is no such interface, and an AddonError where only the addon could tell.
 */
export function zoneNumber(address: string): number {
  const zone = zoneOf(address);
  if (zone === undefined) {
    return 0;
  }
  // A name first: an interface may be named like a number.
  const number = loadBinding().interfaceIndex(zone) || (/^\d+$/.test(zone) ? Number(zone) : 0);
  if (number === 0 || number > MAX_INTERFACE_NUMBER) {
    throw new RangeError(`no interface ${zone} on this host, asked for by ${address}`);
  }
  return number;
}
