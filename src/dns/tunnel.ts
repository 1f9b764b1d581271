import type { ListenEndpoint } from '../socket/listening.js';
import { addressFamily, endpoint, sameEndpoint } from '../wire/endpoint.js';

/** A tunnel's interface, as far as it matters for listening on it. */
export interface Tunnel {
  /** Another one when the interface was made anew; undefined while there is none. */
  readonly index: number | undefined;
  /** Its addresses without link-local ones; none while it is down. */
  readonly addresses: readonly string[];
}

const WILDCARDS: readonly string[] = ['0.0.0.0', '::'];

/** Where to listen within a tunnel: a wildcard stands for the tunnel's addresses of its family. */
export function tunnelEndpoints(
  listen: readonly ListenEndpoint[],
  { addresses }: Tunnel,
): ListenEndpoint[] {
  const all = listen.flatMap((wanted) =>
    WILDCARDS.includes(wanted.address)
      ? addresses
          .filter((address) => addressFamily(address) === wanted.family)
          .map((address) => endpoint(address, wanted.port))
      : [wanted],
  );
  return all.filter((one, i) => all.findIndex((other) => sameEndpoint(one, other)) === i);
}

/** Whether sockets that are bound within a tunnel are still right. */
export function sameTunnel(a: Tunnel, b: Tunnel): boolean {
  return a.index === b.index && a.addresses.join() === b.addresses.join();
}

/** Why there is nothing to listen on in a tunnel, and what to do; undefined where there is. */
export function tunnelProblem(
  name: string,
  listen: readonly ListenEndpoint[],
  tunnel: Tunnel,
): string | undefined {
  if (tunnel.index === undefined) {
    return `there is no interface ${name}: create it (wg-quick up ${name})`;
  }
  if (tunnel.addresses.length === 0) {
    return `${name} is down or has no address: bring it up (ip link set ${name} up) and give it one (ip address add)`;
  }
  return tunnelEndpoints(listen, tunnel).length > 0
    ? undefined
    : `${name} has no address of the family to listen on: give it one (ip address add), or --listen on the other family`;
}
