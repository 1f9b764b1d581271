import { formatAddress } from '../wire/endpoint.js';
import type { NativeRoute } from './native-types.js';

/**
 * How the route of WireGuard's packets to an address differs from that of the host's other packets, to be
 * read by people; undefined if it does not.
 * @param plain undefined if other packets have no route
 */
export function routeDifference(
  to: string,
  wireguard: NativeRoute,
  plain: NativeRoute | undefined,
  nameOf: (index: number) => string | undefined,
): string | undefined {
  if (
    plain?.interfaceIndex === wireguard.interfaceIndex &&
    Buffer.compare(plain.source, wireguard.source) === 0
  ) {
    return undefined;
  }
  const way = ({ source, interfaceIndex }: NativeRoute) => {
    const name = nameOf(interfaceIndex) ?? `interface ${interfaceIndex}`;
    return source.some((byte) => byte !== 0) ? `${name} from ${formatAddress(source)}` : name;
  };
  const others = plain === undefined ? 'no other packets can' : `other packets by ${way(plain)}`;
  return `requests to ${to} leave as WireGuard's packets do, by ${way(wireguard)}; ${others}`;
}
