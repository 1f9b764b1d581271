import { type Distance, type LineSettings, lineSettings } from './distance.js';
import type { GatewayKind } from './nat-rules.js';

/** The NAT or firewall between a host and the internet. */
export type NatKind =
  | 'none'
  | 'cone'
  | 'symmetric'
  | 'full-cone'
  | 'stepping'
  | 'cgnat'
  | 'cgnat-block'
  | 'poisoning'
  | 'port-mapping'
  | 'firewall6';

/** The description of a host. */
export interface HostOptions {
  /** @default none */
  readonly nat?: NatKind;
  /** An earlier host, whose gateway this host shares. */
  readonly sameNatAs?: string;
  /** An earlier host behind a carrier NAT. This host has a home NAT (cone) of its own behind that one. */
  readonly sameCarrierAs?: string;
  /** The first three numbers of its home network, which several homes may share. @default a unique one */
  readonly homeNetwork?: string;
  /** Routers between its site and the internet's core, which has no IPv6 then. @default the lab's */
  readonly hops?: number;
  /** Whether it has a public IPv6 address, behind a stateful firewall unless `nat` is `none`.
   * @default true for `none` and `firewall6`; with `sameNatAs`, as that host */
  readonly ipv6?: boolean;
  /** Whether it has a WireGuard device. @default true */
  readonly wireguard?: boolean;
  /** @default 51820 */
  readonly listenPort?: number;
  /** The host that it routes all its traffic through, with the rules of wg-quick. */
  readonly fullTunnelThrough?: string;
  /** Its distance from the other sites. Not with `sameNatAs` or `sameCarrierAs`, which imply an uplink.
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
  /** On a router of the internet: the public addresses behind it. */
  readonly serves?: readonly string[];
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
const BOTH = { ipv4: true, ipv6: true };
/** The carrier NATs, in front of a home NAT that is a cone. */
const CARRIER_KINDS: Partial<Record<NatKind, GatewayKind>> = {
  cgnat: 'cone',
  'cgnat-block': 'port-block',
};
const FIRST_PUBLIC = 10;
const MAX_HOPS = 20;
/** A former test network: miniupnpd refuses to map ports of a documentation address. */
const MAPPING_NETWORK = '44.128.0';
const HOST_NAME = /^[a-z][a-z0-9]{0,7}$/;
const RESERVED_NAMES = [INTERNET, RENDEZVOUS, LINES];

/** Options of a plan, besides its hosts. */
export interface PlanOptions {
  /** The number of addresses of `rv` in each family. @default 1 */
  readonly rendezvousAddresses?: number;
  /** The distance of all sites from each other, including `rv`. @default no distance */
  readonly distance?: Distance;
  /** Routers between each site, including `rv`, and the internet's core: 0..20. @default 0 */
  readonly hops?: number;
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
  const { rendezvousAddresses = 1, distance, rendezvousDistance = distance, hops = 0 } = options;
  const numbers = Array.from({ length: rendezvousAddresses }, (_, index) => index + 1);
  const rendezvous = onInternet(RENDEZVOUS, 'eth0', numbers, true);
  const nodes: NodePlan[] = [];
  connectSite(nodes, rendezvous, { hops, distance: rendezvousDistance });
  for (const [name, options] of Object.entries(hosts)) {
    if (!HOST_NAME.test(name) || RESERVED_NAMES.includes(name)) {
      throw new RangeError(`the name of a host is 1..8 lower-case letters and digits, got ${name}`);
    }
    addHost(nodes, name, options, {
      hops: options.hops ?? hops,
      distance: options.distance ?? distance,
    });
  }
  return nodes;
}

/** Whether a node is on the internet, where all nodes are on one link. */
export function isPublic({ gateway }: NodePlan): boolean {
  return gateway[4].length === 0 && gateway[6].length === 0;
}

/** Whether a node only forwards, without a NAT or firewall. */
export function isRouter({ serves }: NodePlan): boolean {
  return serves !== undefined;
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

/** What connects a site with the internet's core. */
interface Uplink {
  readonly hops: number;
  readonly distance: Distance | undefined;
}

/**
 * Adds a site's outermost node, behind its routers, outermost first. The delay line is between the core and
 * what is next to it. Returns the node as added.
 */
function connectSite(nodes: NodePlan[], site: NodePlan, { hops, distance }: Uplink): NodePlan {
  if (!(Number.isInteger(hops) && hops >= 0 && hops <= MAX_HOPS)) {
    throw new RangeError(`${site.name}: hops are 0..${MAX_HOPS}, got ${hops}`);
  }
  const number = nodes.filter(({ upstream }) => upstream === INTERNET).length;
  const line = distance && lineSettings(distance);
  const chain: NodePlan[] = [];
  for (let hop = hops; hop > 0; hop--) {
    chain.push({
      name: `${site.name}-r${hop}`,
      device: 'wan',
      upstream: chain.at(-1)?.name ?? INTERNET,
      addresses: { 4: [`198.18.${number}.${hop}`], 6: [] },
      gateway: NOWHERE,
      kind: 'router',
      lan: NOWHERE,
      serves: site.addresses[4],
    });
  }
  const [nearest] = chain.slice(-1);
  const addresses = nearest === undefined ? site.addresses : { 4: site.addresses[4], 6: [] };
  const added = { ...site, addresses, upstream: nearest?.name ?? INTERNET };
  const [outermost = added, ...inner] = [...chain, added];
  nodes.push(line === undefined ? outermost : { ...outermost, line }, ...inner);
  return added;
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

function addHost(nodes: NodePlan[], name: string, options: HostOptions, uplink: Uplink): void {
  const { nat = 'none' } = options;
  const ipv6 = options.ipv6 ?? (nat === 'none' || nat === 'firewall6');
  if (options.sameNatAs !== undefined) {
    addNeighbour(nodes, name, options.sameNatAs, options);
    return;
  }
  if (options.sameCarrierAs !== undefined) {
    addSubscriber(nodes, name, options.sameCarrierAs, options);
    return;
  }
  const site = nodes.filter(({ upstream }) => upstream === INTERNET).length;
  const number = FIRST_PUBLIC + site - 1;
  if (nat === 'none') {
    connectSite(nodes, onInternet(name, 'eth0', [number], ipv6), uplink);
    return;
  }
  const { homeNetwork = `10.${site}.0` } = options;
  const inside: Addresses = { 4: [`${homeNetwork}.1`], 6: [`2001:db8:${site}:1::1`] };
  const carrierKind = CARRIER_KINDS[nat];
  let gateway: NodePlan;
  if (carrierKind !== undefined) {
    const lan: Addresses = { 4: [`100.64.${site}.1`], 6: [`2001:db8:${site}:2::1`] };
    const carrier = { ...onInternet(`${name}-cgn`, 'wan', [number], true), kind: carrierKind, lan };
    const outer = connectSite(nodes, carrier, uplink);
    gateway = { ...behind(outer, nodes, `${name}-gw`, 'wan', BOTH), kind: 'cone', lan: inside };
    nodes.push(gateway);
  } else {
    const kind = nat === 'firewall6' ? 'firewall' : (nat as GatewayKind);
    const outside = onInternet(`${name}-gw`, 'wan', [number], true);
    const addresses =
      kind === 'port-mapping'
        ? { ...outside.addresses, 4: [`${MAPPING_NETWORK}.${number}`] }
        : outside.addresses;
    const own = { ...outside, addresses, kind, lan: inside };
    gateway = connectSite(nodes, own, uplink);
  }
  nodes.push(behind(gateway, nodes, name, 'eth0', { ipv4: nat !== 'firewall6', ipv6 }));
}

/** Adds a host behind the gateway of another one. */
function addNeighbour(
  nodes: NodePlan[],
  name: string,
  sameNatAs: string,
  { nat, distance, hops, homeNetwork, ipv6 }: HostOptions,
): void {
  const neighbour = nodes.find((node) => node.name === sameNatAs);
  const gateway = nodes.find((node) => node.name === neighbour?.upstream);
  const more = [nat, distance, hops, homeNetwork].some((option) => option !== undefined);
  if (neighbour === undefined || gateway === undefined || isRouter(gateway) || more) {
    throw new RangeError(
      `${name}: sameNatAs takes an earlier host behind a gateway, and excludes nat and distance`,
    );
  }
  const families = {
    ipv4: neighbour.addresses[4].length !== 0,
    ipv6: ipv6 ?? neighbour.addresses[6].length !== 0,
  };
  nodes.push(behind(gateway, nodes, name, 'eth0', families));
}

/** Adds a host with a home NAT of its own behind the carrier NAT of another one. */
function addSubscriber(
  nodes: NodePlan[],
  name: string,
  sameCarrierAs: string,
  { nat, distance, hops, homeNetwork, ipv6 = false }: HostOptions,
): void {
  const upstreamOf = (of: string | undefined) =>
    nodes.find((node) => node.name === nodes.find((inner) => inner.name === of)?.upstream);
  const carrier = upstreamOf(upstreamOf(sameCarrierAs)?.name);
  const more = [nat, distance, hops].some((option) => option !== undefined);
  if (carrier?.kind === undefined || isRouter(carrier) || more) {
    throw new RangeError(
      `${name}: sameCarrierAs takes an earlier host behind a carrier NAT, and excludes nat and distance`,
    );
  }
  const inner = behind(carrier, nodes, `${name}-gw`, 'wan', BOTH);
  const number = Number(inner.addresses[4][0]?.split('.')[3]);
  const site = carrier.lan?.[4][0]?.split('.')[2];
  const inside: Addresses = {
    4: [`${homeNetwork ?? `10.${site}.${number}`}.1`],
    6: [`2001:db8:${site}:${number}::1`],
  };
  const gateway: NodePlan = { ...inner, kind: 'cone', lan: inside };
  nodes.push(gateway, behind(gateway, nodes, name, 'eth0', { ipv4: true, ipv6 }));
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
