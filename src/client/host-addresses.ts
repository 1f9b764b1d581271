import { networkInterfaces } from 'node:os';
import { interfaceOfLabel, isTunnel } from '../socket/interface-flags.js';
import { inSocketNamespace } from '../socket/network-namespace.js';
import { type Endpoint, endpoint } from '../wire/endpoint.js';
import { isLinkLocalIpv6 } from '../wire/endpoint-scope.js';
import type { Candidates } from './finder.js';

/** Interfaces of Docker, libvirt, LXC and other container networks. */
const CONTAINERS = /^(docker|br-[0-9a-f]{12}$|veth|virbr|lxcbr|lxdbr|cni|podman)/;
/** Names of interfaces, and their addresses. */
type Interfaces = Readonly<Record<string, readonly { readonly address: string }[] | undefined>>;

/** RFC 3927. */
const LINK_LOCAL_IPV4 = '169.254.';

/** Notices that an address of this host came or went, apart from those of container networks. */
export class HostAddresses {
  #seen = '';

  /** Whether they are others than at the last call; true the first time. */
  haveChanged(interfaces: Interfaces = inSocketNamespace(networkInterfaces)): boolean {
    const now = JSON.stringify(
      Object.entries(interfaces)
        .filter(([name]) => !CONTAINERS.test(name))
        .map(([name, list]) => [name, list?.map(({ address }) => address)]),
    );
    const changed = now !== this.#seen;
    this.#seen = now;
    return changed;
  }
}

/** Candidates with those that this host can send to first: IPv6 last if it has no IPv6 address. Pure. */
export function reachableFirst(candidates: Candidates, hasIpv6: boolean): Candidates {
  const [first, ...more] = hasIpv6
    ? candidates
    : [...candidates].sort((a, b) => a.family - b.family);
  return first === undefined ? candidates : [first, ...more];
}

/** Whether this host has an IPv6 address for other hosts besides those of an interface. */
export function hasIpv6Besides(ownInterface: string): boolean {
  return addressesBesides(ownInterface).some(({ to }) => to.family === 6);
}

/**
 * Where neighbours may reach this host at a port: its addresses, IPv4 first, without loopback, link-local
 * ones, and those inside tunnels. A path through another tunnel is not direct, and where the peers of that tunnel
 * are connected by a client, too, it may lead back through this one. Addresses of bridges for containers come
 * last: the same are on many hosts.
 * @param ownInterface is left out whatever the kernel calls it
 */
export function localEndpoints(port: number, ownInterface: string): Endpoint[] {
  return addressesBesides(ownInterface, (name) => !isTunnel(name))
    .map((one) => ({ to: { ...one.to, port }, isLast: CONTAINERS.test(one.name) }))
    .sort((a, b) => Number(a.isLast) - Number(b.isLast) || a.to.family - b.to.family)
    .map(({ to }) => to);
}

/** The addresses of other interfaces, without loopback and link-local ones, and with port 0. */
function addressesBesides(
  ownInterface: string,
  isWanted: (name: string) => boolean = () => true,
): { readonly name: string; readonly to: Endpoint }[] {
  return inSocketNamespace(() =>
    Object.entries(networkInterfaces())
      .map(([label, list = []]) => ({ name: interfaceOfLabel(label), list }))
      .filter(({ name }) => name !== ownInterface && isWanted(name)),
  ).flatMap(({ name, list }) =>
    list
      .filter(
        ({ internal, address }) =>
          !internal && !isLinkLocalIpv6(address) && !address.startsWith(LINK_LOCAL_IPV4),
      )
      .map(({ address }) => ({ name, to: endpoint(address, 0) })),
  );
}

/** The addresses of this host, without loopback: a mapping to one of them is no translation. */
export function ownAddresses(): string[] {
  return Object.values(inSocketNamespace(networkInterfaces))
    .flatMap((list) => list ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => endpoint(address, 0).address);
}
