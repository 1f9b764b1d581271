import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { inSocketNamespace } from './network-namespace.js';

/** The router of IPv4 packets by default. */
export interface DefaultGateway {
  readonly address: string;
  readonly interfaceName: string;
  /** This host's address on that link. */
  readonly local: string;
}

const TABLE = '/proc/thread-self/net/route';
const RTF_UP = 0x1;
const RTF_GATEWAY = 0x2;

/**
 * The default gateway of the namespace of WireGuard's socket, by the main routing table; undefined if there is
 * none, as without a router or with a point-to-point link.
 */
export function defaultGateway(): DefaultGateway | undefined {
  return inSocketNamespace(() => {
    const [route] = parseRoutes(readTable());
    const addresses = route && networkInterfaces()[route.interfaceName];
    const local = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal);
    return route && local && { ...route, local: local.address };
  });
}

/** The default routes in a table of /proc/net/route, lowest metric first. */
export function parseRoutes(table: string): { address: string; interfaceName: string }[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter(([, destination, gateway, flags = '', , , , mask]) => {
      const needed = RTF_UP | RTF_GATEWAY;
      const isDefault = destination === '00000000' && mask === '00000000';
      return isDefault && gateway?.length === 8 && (Number.parseInt(flags, 16) & needed) === needed;
    })
    .sort((a, b) => Number(a[6]) - Number(b[6]))
    .map(([interfaceName = '', , gateway = '']) => ({
      interfaceName,
      address: [...Buffer.from(gateway, 'hex')].reverse().join('.'),
    }));
}

function readTable(): string {
  try {
    return readFileSync(TABLE, 'latin1');
  } catch {
    return '';
  }
}
