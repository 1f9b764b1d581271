import ipaddr from 'ipaddr.js';
import { addressFamily, withoutZone } from '../../wire/endpoint.js';
import { formatPublicKey } from '../../wire/key.js';
import type { Device } from '../../wireguard/device.js';

/** Shorter prefixes mean "everything", whole or in parts: 0.0.0.0/0, 128.0.0.0/1, 2000::/3. */
const MIN_PREFIX_LENGTH = 8;

/**
 * The base64 key of the peer through whose tunnel an address is reached: that of the longest allowed IP
 * around it, as in WireGuard's own routing. Undefined if there is none, or if it is a default route: that
 * peer is a way out, and the address may be anywhere.
 */
export function registryPeer({ peers }: Device, address: string): string | undefined {
  const target =
    addressFamily(address) === undefined ? undefined : ipaddr.parse(withoutZone(address));
  let longest = MIN_PREFIX_LENGTH - 1;
  let found: string | undefined;
  for (const { publicKey, allowedIps } of target === undefined ? [] : peers) {
    for (const allowedIp of allowedIps) {
      const [network, length] = ipaddr.parseCIDR(allowedIp);
      if (length > longest && network.kind() === target?.kind() && target.match(network, length)) {
        longest = length;
        found = formatPublicKey(publicKey);
      }
    }
  }
  return found;
}
