import { readFileSync } from 'node:fs';
import { RouteFinder } from '../socket/route-finder.js';
import type { Endpoint, Family } from '../wire/endpoint.js';
import type { Device } from '../wireguard/device.js';
import type { RouteFacts } from './facts.js';

const FOLDER = '/proc/sys/net/ipv4/conf';

/**
 * How WireGuard's packets to endpoints leave, and how the kernel judges what comes back.
 * Throws a PermissionError without CAP_NET_RAW.
 */
export function routesOf(
  { listenPort, fwmark }: Pick<Device, 'listenPort' | 'fwmark'>,
  endpoints: readonly Endpoint[],
): RouteFacts[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = endpoints.filter((endpoint) => endpoint.family === family);
    return own.length === 0 ? [] : routesOfFamily(family, listenPort, fwmark, own);
  });
}

function routesOfFamily(
  family: Family,
  listenPort: number,
  fwmark: number,
  endpoints: readonly Endpoint[],
): RouteFacts[] {
  const forth = new RouteFinder(family, fwmark);
  const plain = new RouteFinder(family, 0);
  try {
    return endpoints.map((endpoint): RouteFacts => {
      const to = endpoint.address;
      try {
        const route = forth.find(listenPort, endpoint);
        const { interface: out } = route;
        // Reverse path filtering knows the mark only where src_valid_mark is on.
        const back = setting(out, 'src_valid_mark') ? forth : plain;
        const answer = { ...endpoint, port: listenPort };
        return {
          family,
          to,
          ...route,
          reverseInterface: tried(() => back.find(endpoint.port, answer).interface),
          rpFilter: family === 4 ? setting(out, 'rp_filter') : undefined,
        };
      } catch (error) {
        return { family, to, errorCode: (error as NodeJS.ErrnoException).code };
      }
    });
  } finally {
    forth.close();
    plain.close();
  }
}

function tried<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** The greater of the values for all interfaces and for this one, as the kernel takes it. */
function setting(name: string | undefined, option: string): number | undefined {
  const values = ['all', ...(name === undefined ? [] : [name])].map((one) =>
    tried(() => Number(readFileSync(`${FOLDER}/${one}/${option}`, 'latin1'))),
  );
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
