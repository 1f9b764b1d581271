import { type Distance, type LineSettings, lineSettings } from './distance.js';
import type { GatewayKind } from './nat-rules.js';

/** The NAT or firewall between a host and the internet. */
export type NatKind =
  | 'none'
  | 'cone'
  | 'symmetric'
  | 'full-cone'
  | 'cgnat'
  | 'poisoning'
  | 'firewall6';

/** The description of a host. */
export interface HostOptions {
  /** @default none */
  readonly nat?: NatKind;
  /** An earlier host, whose gateway this host shares. */
  readonly sameNatAs?: string;
  /** Whether it has a public IPv6 address, behind a stateful firewall unless `nat` is `none`.
   * @default true for `none` and `firewall6`; with `sameNatAs`, as that host */
  readonly ipv6?: boolean;
  /** Whether it has a WireGuard device. @default true */
  readonly wireguard?: boolean;
  /** @default 51820 */
  readonly listenPort?: number;
  /** The host that it routes all its traffic through, with the rules of wg-quick. */
  readonly fullTunnelThrough?: string;
  /** Its distance from the other sites. Not with `sameNatAs`, which implies that host's uplink.
   * @default the lab's distance */
  readonly distance?: Distance;
}

/** The addresses of a node by family; empty if it does not have the family. */
export interface Addresses {
  readonly 4: readonly string[];
  readonly 6: readonly string[];
}

/** One namespace, with its interface, its addresses and, on a gateway, its NAT. */
export interface NodePlan {
  readonly name: string;
  /** Its interface on `upstream`'s bridge; its port there has the node's name. */
  readonly device: 'eth0' | 'wan';
  /** The node with the bridge. */
  readonly upstream: string;
  readonly addresses: Addresses;
  /** The addresses of its default gateway; empty on the internet, where all nodes are on the link. */
  readonly gateway: Addresses;
  /** On a gateway: its kind, and its addresses on its bridge `lan`. */
  readonly kind?: GatewayKind;
  readonly lan?: Addresses;
  /** On a node of the internet: its delay line, if it has one. */
  readonly line?: LineSettings;
}

/** A route to an IPv6 prefix through another node of the same bridge. */
export interface Route {
  readonly prefix: string;
  readonly via: string;
  /** The interface towards it. */
  readonly device: string;
}

/** The nodes of the internet and of the rendezvous host. */
export const INTERNET = 'inet';
export const RENDEZVOUS = 'rv';
/** The bridge on the inside of a gateway. */
export const LAN = 'lan';
/** The bridge that is the internet. */
export const INTERNET_BRIDGE = 'net';
/** The node of the delay lines. */
export const LINES = 'lines';

const NOWHERE: Addresses = { 4: [], 6: [] };
const FIRST_PUBLIC = 10;
const HOST_NAME = /^[a-z][a-z0-9]{0,7}$/;
const RESERVED_NAMES = [INTERNET, RENDEZVOUS, LINES];

/** Options of a plan, besides its hosts. */
export interface PlanOptions {
  /** The number of addresses of `rv` in each family. @default 1 */
  readonly rendezvousAddresses?: number;
  /** The distance of all sites from each other, including `rv`. @default no distance */
  readonly distance?: Distance;
  /** The distance of `rv` from the other sites. @default `distance` */
  readonly rendezvousDistance?: Distance;
}

/**
 * Plans all nodes of a lab except the internet and the delay lines, each after its upstream node.
 * Throws a RangeError if options are invalid.
 */
export function planTopology(
  hosts: Readonly<Record<string, HostOptions>>,
  options: PlanOptions = {},
): NodePlan[] {
  const { rendezvousAddresses = 1, distance, rendezvousDistance = distance } = options;
  const numbers = Array.from({ length: rendezvousAddresses }, (_, index) => index + 1);
  const rendezvous = onInternet(RENDEZVOUS, 'eth0', numbers, true);
  const nodes: NodePlan[] = [withLine(rendezvous, rendezvousDistance)];
  for (const [name, options] of Object.entries(hosts)) {
    if (!HOST_NAME.test(name) || RESERVED_NAMES.includes(name)) {
      throw new RangeError(`the name of a host is 1..8 lower-case letters and digits, got ${name}`);
    }
    addHost(nodes, name, options, options.distance ?? distance);
  }
  return nodes;
}

/** The hosts h1, h2, … of a mesh, each with these options. @default each behind its own cone NAT */
export function meshHosts(
  count: number,
  options: HostOptions = { nat: 'cone' },
): Record<string, HostOptions> {
  const names = Array.from({ length: count }, (_, index) => `h${index + 1}`);
  return Object.fromEntries(names.map((name) => [name, options]));
}

/** The interfaces of a site's delay line. */
export function lineInterfaces(site: string): { inside: string; outside: string } {
  return { inside: `in-${site}`, outside: `out-${site}` };
}

function withLine(node: NodePlan, distance: Distance | undefined): NodePlan {
  const line = distance && lineSettings(distance);
  return line === undefined ? node : { ...node, line };
}

/** The routes of a node, besides its default route. */
export function routesOf(node: NodePlan, nodes: readonly NodePlan[]): Route[] {
  const routes: Route[] = [];
  for (const { name, upstream, lan, addresses } of nodes) {
    const via = addresses[6][0];
    const inside = lan?.[6][0];
    if (via === undefined || inside === undefined || name === node.name) {
      continue;
    }
    if (upstream === INTERNET && node.upstream === INTERNET && node.addresses[6].length > 0) {
      routes.push({ prefix: inside.replace(/:\d+::1$/, '::/48'), via, device: node.device });
    } else if (upstream === node.name) {
      routes.push({ prefix: inside.replace(/::1$/, '::/64'), via, device: LAN });
    }
  }
  return routes;
}

function addHost(
  nodes: NodePlan[],
  name: string,
  options: HostOptions,
  distance: Distance | undefined,
): void {
  const { nat = 'none', sameNatAs } = options;
  const ipv6 = options.ipv6 ?? (nat === 'none' || nat === 'firewall6');
  if (sameNatAs !== undefined) {
    const neighbour = nodes.find((node) => node.name === sameNatAs);
    const gateway = nodes.find((node) => node.name === neighbour?.upstream);
    const { nat, distance } = options;
    if (gateway === undefined || nat !== undefined || distance !== undefined) {
      throw new RangeError(
        `${name}: sameNatAs takes an earlier host behind a gateway, and excludes nat and distance`,
      );
    }
    const families = {
      ipv4: neighbour?.addresses[4].length !== 0,
      ipv6: options.ipv6 ?? neighbour?.addresses[6].length !== 0,
    };
    nodes.push(behind(gateway, nodes, name, 'eth0', families));
    return;
  }
  const site = nodes.filter(({ upstream }) => upstream === INTERNET).length;
  const number = FIRST_PUBLIC + site - 1;
  if (nat === 'none') {
    nodes.push(withLine(onInternet(name, 'eth0', [number], ipv6), distance));
    return;
  }
  const inside: Addresses = { 4: [`10.${site}.0.1`], 6: [`2001:db8:${site}:1::1`] };
  let gateway: NodePlan;
  if (nat === 'cgnat') {
    const carrier: Addresses = { 4: [`100.64.${site}.1`], 6: [`2001:db8:${site}:2::1`] };
    const outer = withLine(onInternet(`${name}-cgn`, 'wan', [number], true), distance);
    nodes.push({ ...outer, kind: 'cone', lan: carrier });
    const both = { ipv4: true, ipv6: true };
    const inner = behind({ ...outer, lan: carrier }, nodes, `${name}-gw`, 'wan', both);
    gateway = { ...inner, kind: 'cone', lan: inside };
  } else {
    const kind = nat === 'firewall6' ? 'firewall' : nat;
    const site = withLine(onInternet(`${name}-gw`, 'wan', [number], true), distance);
    gateway = { ...site, kind, lan: inside };
  }
  nodes.push(gateway);
  nodes.push(behind(gateway, nodes, name, 'eth0', { ipv4: nat !== 'firewall6', ipv6 }));
}

function onInternet(
  name: string,
  device: NodePlan['device'],
  numbers: readonly number[],
  ipv6: boolean,
): NodePlan {
  const addresses = {
    4: numbers.map((number) => `198.51.100.${number}`),
    6: ipv6 ? numbers.map((number) => `2001:db8::${number}`) : [],
  };
  return { name, device, upstream: INTERNET, addresses, gateway: NOWHERE };
}

function behind(
  gateway: NodePlan,
  nodes: readonly NodePlan[],
  name: string,
  device: NodePlan['device'],
  families: { ipv4: boolean; ipv6: boolean },
): NodePlan {
  // The gateway itself is 1.
  const number = nodes.filter(({ upstream }) => upstream === gateway.name).length + 2;
  const own = (address: string): string => address.replace(/1$/, String(number));
  const lan = gateway.lan ?? NOWHERE;
  const via = { 4: families.ipv4 ? lan[4] : [], 6: families.ipv6 ? lan[6] : [] };
  const addresses = { 4: via[4].map(own), 6: via[6].map(own) };
  return { name, device, upstream: gateway.name, addresses, gateway: via };
}
