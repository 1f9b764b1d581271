import { type Endpoint, endpoint, FAMILIES } from '../wire/endpoint.js';
import { Cable, EVERY_PORT } from './cable.js';
import { Capture } from './capture.js';
import { dismantle, guard, type Site, sweep } from './cleanup.js';
import { run } from './command.js';
import { translation, udpFlows } from './conntrack.js';
import { routeEverythingThrough } from './full-tunnel.js';
import { LabGateway, LabHost } from './host.js';
import { LabNames } from './names.js';
import { Namespace } from './namespace.js';
import { buildNetwork } from './network.js';
import { startPortMapper } from './port-mapper.js';
import {
  type HostOptions,
  INTERNET,
  INTERNET_BRIDGE,
  isRouter,
  LINES,
  type NodePlan,
  type PlanOptions,
  planTopology,
  RENDEZVOUS,
} from './topology.js';
import { type PeerOptions, WireguardDevice } from './wireguard-device.js';

/*
 * Every box is a network namespace, every line a veth cable into a bridge. Hosts have `eth0`; a
 * gateway has `wan` on the outside and a bridge `lan` inside. `inet` is only a bridge.
 *
 *      rv  198.51.100.1, 2001:db8::1            (more addresses: .2, .3 … on request)
 *      |
 *   ---+------------- inet: 198.51.100.0/24 and 2001:db8::/64 -----------------------+--
 *      |                        |                                 |                  |
 *   n: none                  a-gw  .11   cone, symmetric,      b-cgn  .12          c-gw  firewall6
 *   198.51.100.10               |        full-cone, stepping,     |  100.64.3.0/24   |
 *   2001:db8::10                |        poisoning, port-mapping  |                  |
 *                            ---+--- 10.2.0.0/24               b-gw                  |
 *                            |     |                              |  10.3.0.0/24     |
 *                            a     d: { sameNatAs: 'a' }       b: cgnat,           c  2001:db8:4:1::2
 *                           .2    .3                             .2  cgnat-block
 *
 * With `sameCarrierAs: 'b'`, a host has a gateway of its own beside b-gw. With `hops: 2`, the routers a-r1
 * and a-r2 are between a-gw and `inet`; they decrement the TTL, and answer ARP for what is behind them.
 *
 * With a distance, the cable of each site passes through the namespace `lines`; see delay-lines.ts.
 *
 * Each host has a WireGuard device with an address of 10.200.0.0/24, and all others as peers.
 */

/** The description of a lab. */
export interface LabOptions<Name extends string = string> extends PlanOptions {
  /** The hosts, besides `rv`, by name: 1..8 lower-case letters and digits. */
  readonly hosts: Readonly<Record<Name, HostOptions>>;
  /** Whether the WireGuard devices of all hosts have each other as peers, without endpoints. @default true */
  readonly peers?: boolean;
  /** Whether `rv` has a WireGuard device too, with a tunnel from each host. @default false */
  readonly registry?: boolean;
}

const LISTEN_PORT = 51820;
/** Above the hosts' addresses, which start at 1. */
const REGISTRY_TUNNEL_ADDRESS = '10.200.0.254';
const REGISTRY_KEEPALIVE_SECONDS = 25;

/** A small internet of namespaces, with hosts, NATs and WireGuard. Leaves no trace when disposed. */
export class Lab<Name extends string = string> implements AsyncDisposable {
  /** The rendezvous host: public, and without WireGuard unless it is a registry. */
  readonly rendezvous: LabHost;
  /** All packets that cross the internet, as one cable. Its rules apply to both directions. */
  readonly internet: Cable;
  readonly #site: Site;
  readonly #internet: Namespace;
  readonly #hosts: ReadonlyMap<string, LabHost>;

  constructor(site: Site, internet: Namespace, hosts: ReadonlyMap<string, LabHost>) {
    this.#site = site;
    this.#internet = internet;
    this.#hosts = hosts;
    this.internet = new Cable(internet, EVERY_PORT);
    this.rendezvous = this.host(RENDEZVOUS);
  }

  host(name: Name | typeof RENDEZVOUS): LabHost {
    const host = this.#hosts.get(name);
    if (host === undefined) {
      throw new RangeError(`no host ${name} in this lab`);
    }
    return host;
  }

  /**
   * Records the UDP packets between the sites from now on. `types` are the first payload bytes to
   * record, such as 1 for WireGuard's initiations. @default all
   */
  capture(types?: readonly number[]): Promise<Capture> {
    return Capture.start(this.#internet, INTERNET_BRIDGE, types);
  }

  /** Pings the tunnel address of one host from another. Returns whether a reply arrived in time. */
  ping(from: Name, to: Name, options?: { timeoutMs?: number }): Promise<boolean> {
    return this.host(from).ping(this.host(to).wireguard.tunnelAddress, options);
  }

  /**
   * The real source endpoint of a host's packets to another host, according to the connection tables
   * of its gateways. Undefined if a gateway has no mapping for them. Without a NAT between the hosts it
   * is the host's own address. `port` is WireGuard's by default.
   */
  async mappedEndpoint(
    from: Name,
    to: Name | typeof RENDEZVOUS,
    port?: number,
  ): Promise<Endpoint | undefined> {
    const [source, target] = [this.host(from), this.host(to)];
    let mapped = endpoint(source.address, port ?? source.wireguard.listenPort);
    const neighbours =
      source.gateways[0] !== undefined && source.gateways[0] === target.gateways[0];
    if (mapped.family === 6 || neighbours) {
      return mapped;
    }
    for (const gateway of source.gateways) {
      const next = translation(await udpFlows(gateway), mapped, target.outsideAddresses);
      if (next === undefined) {
        return undefined;
      }
      mapped = next;
    }
    return mapped;
  }

  /** Ends all processes of the lab and deletes its namespaces. */
  async dispose(): Promise<void> {
    await dismantle(this.#site);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

/** Builds a lab. Needs root. On failure it rejects with the error of the command and leaves no trace. */
export async function createLab<Name extends string>(
  options: LabOptions<Name>,
): Promise<Lab<Name>> {
  const plans = planTopology(options.hosts, options);
  await sweep();
  const names = new LabNames();
  const distant = plans.some(({ line }) => line !== undefined);
  const nodes = [INTERNET, ...(distant ? [LINES] : []), ...plans.map(({ name }) => name)];
  const site: Site = {
    namespaces: nodes.map((node) => names.namespace(node)),
    ownsSocket: (file) => names.ownsSocket(file),
  };
  guard(site);
  try {
    await run('ip', ['-batch', '-'], {
      input: site.namespaces.map((name) => `netns add ${name}\n`).join(''),
    });
    await buildNetwork(plans, (node) => names.namespace(node));
    const mappers = plans.filter(({ kind }) => kind === 'port-mapping');
    await Promise.all(mappers.map(({ name }) => startPortMapper(names.namespace(name))));
    const hosts = makeHosts(plans, options, names);
    await setUpWireguard(hosts, options);
    return new Lab<Name>(site, new Namespace(names.namespace(INTERNET)), hosts);
  } catch (error) {
    await dismantle(site);
    throw error;
  }
}

function makeHosts(
  plans: readonly NodePlan[],
  { hosts: options, registry = false }: LabOptions,
  names: LabNames,
): Map<string, LabHost> {
  const gateways = new Map<string, LabGateway[]>();
  const hosts = new Map<string, LabHost>();
  for (const plan of plans) {
    const namespace = names.namespace(plan.name);
    const upstream = new Namespace(names.namespace(plan.upstream));
    const above = gateways.get(plan.upstream) ?? [];
    if (isRouter(plan)) {
      gateways.set(plan.name, above);
      continue;
    }
    if (plan.kind !== undefined) {
      gateways.set(plan.name, [new LabGateway(namespace, plan, upstream), ...above]);
      continue;
    }
    const { wireguard = true, listenPort = LISTEN_PORT } = options[plan.name] ?? {};
    const index = hosts.size;
    const device = {
      interface: names.interface(index),
      tunnelAddress: plan.name === RENDEZVOUS ? REGISTRY_TUNNEL_ADDRESS : `10.200.0.${index}`,
      listenPort,
    };
    const wanted = plan.name === RENDEZVOUS ? registry : wireguard;
    const make = wanted ? (host: Namespace) => new WireguardDevice(host, device) : undefined;
    hosts.set(plan.name, new LabHost(namespace, plan, upstream, above, make));
  }
  return hosts;
}

/** A host as a peer of others: with its tunnel address, or (`full`) everything, as allowed IPs. */
function peerOf({ name, address, wireguard }: LabHost, full: boolean): PeerOptions {
  const allowedIps = full ? ['0.0.0.0/0', '::/0'] : [`${wireguard.tunnelAddress}/32`];
  const peer = { publicKey: wireguard.publicKey, allowedIps };
  return name === RENDEZVOUS
    ? {
        ...peer,
        endpoint: `${address}:${wireguard.listenPort}`,
        keepaliveSeconds: REGISTRY_KEEPALIVE_SECONDS,
      }
    : peer;
}

async function setUpWireguard(
  hosts: ReadonlyMap<string, LabHost>,
  options: LabOptions,
): Promise<void> {
  const equipped = [...hosts.values()].filter((host) => host.hasWireguard);
  const setUp = (host: LabHost): Promise<void> => setUpHost(host, equipped, options);
  // The registry first: a handshake before it is ready would be repeated only after 5 s.
  const registry = equipped.filter(({ name }) => name === RENDEZVOUS);
  await Promise.all(registry.map(setUp));
  await Promise.all(equipped.filter((host) => !registry.includes(host)).map(setUp));
}

async function setUpHost(
  host: LabHost,
  equipped: readonly LabHost[],
  options: LabOptions,
): Promise<void> {
  const { fullTunnelThrough } = options.hosts[host.name] ?? {};
  await host.wireguard.create();
  const known = equipped.filter(
    (peer) =>
      peer !== host && (options.peers !== false || [peer.name, host.name].includes(RENDEZVOUS)),
  );
  if (known.length > 0) {
    const others = known.map((peer) => peerOf(peer, peer.name === fullTunnelThrough));
    // Peers with a keepalive last: wireguard-go 0.0.20220316 sends a keepalive to every peer that follows
    // one in the same configuration. Without an endpoint that fails, and the next attempt is 5 s later.
    const registry = others.filter(({ keepaliveSeconds }) => keepaliveSeconds !== undefined);
    await host.wireguard.setPeers([
      ...others.filter((peer) => !registry.includes(peer)),
      ...registry,
    ]);
  }
  if (fullTunnelThrough !== undefined) {
    const families = FAMILIES.filter((family) => host.addresses[family].length > 0);
    await routeEverythingThrough(host, host.wireguard, families, host.gateways.length > 0);
  }
}
