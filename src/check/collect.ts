import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { MAX_SERVERS } from '../client/servers/max-servers.js';
import type { Status } from '../client/status/status.js';
import { NoStatusError, readStatus } from '../client/status/status-socket.js';
import { type KeyPair, keyPairOf, wipeKeyPair } from '../sealed/key-pair.js';
import { wipe } from '../sealed/wipe.js';
import { clientsOfOthers, lockHolders, rawUdpHolders } from '../socket/client-processes.js';
import { interfaceIsUp } from '../socket/interface-flags.js';
import { within } from '../socket/time-limit.js';
import { CLASSIC_PORT } from '../wire/classic.js';
import { addressFamily, type Endpoint, endpoint, withoutZone } from '../wire/endpoint.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';
import { formatPublicKey, type PublicKey, parsePublicKey } from '../wire/key.js';
import type { Device } from '../wireguard/device.js';
import { readPrivateKey } from '../wireguard/private-key.js';
import { inspect } from '../wireguard/readiness.js';
import { WgError } from '../wireguard/wg-error.js';
import { readDevice } from '../wireguard/wg-tool.js';
import type { Facts, InterfaceFacts, OtherClient, ProbeFacts, ServerFacts } from './facts.js';
import { readFirewall } from './firewall/firewall.js';
import { natOf } from './own-nat.js';
import { readQuickConfig } from './quick-config.js';
import { readRouter } from './router.js';
import { routesOf } from './routes.js';
import { lookUpClassic, probeClassic, probeSealed, type WireguardPort } from './server-probe.js';

/** For everything together; the command has 15 s. */
const LIMIT_MS = 13_000;
const LOOKUP_LIMIT_MS = 4000;
const REGISTERED_LIMIT_MS = 3000;
/** Peers that a classic server is asked about. */
const MAX_ASKED = 64;

/** A server as the user names it; with a key it speaks the sealed protocol. */
export interface CheckedServer {
  readonly host: string;
  readonly port: number;
  readonly key: PublicKey | undefined;
}

/** Errors after which there is nothing to inspect. */
const FATAL: readonly unknown[] = ['WG_NOT_PERMITTED', 'WG_TOOL_MISSING'];

/**
 * Looks at an interface, its host and its servers, within 13 s. Changes nothing on this host, and registers
 * nothing at the servers. Throws a WgError without the permission to read WireGuard.
 * @param servers if empty, those of the running client
 */
export async function collectFacts(
  interfaceName: string,
  servers: readonly CheckedServer[],
): Promise<Facts> {
  const limit = new TimeLimit(LIMIT_MS);
  const [seen, status] = await Promise.all([
    limit.keep<InterfaceFacts, InterfaceFacts>('interface', readInterface(interfaceName), {
      error: 'wg did not answer in time',
    }),
    limit.keep('client', readClient(interfaceName), undefined),
  ]);
  const { device } = seen;
  const client: Status | 'none' = isOf(status, device) ? status : 'none';
  const asked = servers.length > 0 ? servers : serversOf(client);
  const from = portToSendFrom(seen, client);
  const own = await ownKeys(interfaceName, asked, from);
  try {
    const parts = { interfaceName, interface: seen, client };
    const isRouterAsked = client !== 'none' && client.nat?.portMapping !== undefined;
    const router =
      device === undefined || isRouterAsked
        ? undefined
        : limit.keep('port-mapping', readRouter(interfaceName, device.fwmark), undefined);
    const found = await Promise.all(
      asked.slice(0, MAX_SERVERS).map((server) => readServer(server, device, from, own, limit)),
    );
    const probes = found.flatMap((server) => server.probes);
    const peerEndpoints = (device?.peers ?? []).flatMap((peer) => peer.endpoint ?? []);
    const peerRoutes =
      device === undefined ? [] : routesOf(device, peerEndpoints.slice(0, MAX_ASKED));
    const [firewall, registered] = await Promise.all([
      device &&
        limit.keep('firewall', readRules(device, probes, peerEndpoints, peerRoutes), undefined),
      limit.keep(
        'registrations',
        readRegistered(found, device),
        new Map<string, Endpoint | 'unknown'>(),
      ),
    ]);
    const localAddresses = addressesWithout(interfaceName);
    return {
      ...parts,
      now: Date.now(),
      otherClients: otherClients(interfaceName, client),
      servers: found,
      peerRoutes,
      nat: natOf(client, probes, localAddresses),
      router: await router,
      localAddresses,
      firewall,
      config: readQuickConfig(interfaceName),
      registered,
      late: limit.late,
    };
  } finally {
    if (own !== undefined) {
      wipeKeyPair(own);
    }
  }
}

/** Gives each part of the work the remaining time. */
class TimeLimit {
  readonly late: string[] = [];
  readonly #end: number;

  constructor(ms: number) {
    this.#end = performance.now() + ms;
  }

  /** The result of the work, or the substitute if the time is over first. */
  keep<T, S>(name: string, work: Promise<T>, substitute: S): Promise<T | S> {
    return within(Math.max(0, this.#end - performance.now()), work, () => {
      this.late.push(name);
      return substitute;
    });
  }
}

async function readInterface(interfaceName: string): Promise<InterfaceFacts> {
  let device: Device | undefined;
  try {
    const { reason } = await inspect(
      () => interfaceIsUp(interfaceName),
      async () => {
        device = await readDevice(interfaceName);
        return device;
      },
    );
    return reason === undefined ? { device } : { reason, device };
  } catch (error) {
    if (error instanceof WgError && !FATAL.includes(error.code)) {
      return { error: error.message };
    }
    throw error;
  }
}

async function readClient(interfaceName: string): Promise<Status | undefined> {
  try {
    return await readStatus(interfaceName);
  } catch (error) {
    if (error instanceof NoStatusError) {
      return undefined;
    }
    throw error;
  }
}

/** An interface of another network namespace can have the same name. */
function isOf(status: Status | undefined, device: Device | undefined): status is Status {
  const key = device?.publicKey && formatPublicKey(device.publicKey);
  return status !== undefined && (status.publicKey === undefined || status.publicKey === key);
}

function serversOf(client: Status | 'none'): CheckedServer[] {
  const servers = client === 'none' ? [] : client.servers;
  return servers
    .filter(({ protocol }) => protocol !== 'dns')
    .map(({ name, publicKey }) => {
      const at = name.lastIndexOf(':');
      return {
        host: name.slice(0, at).replace(/^\[(.*)\]$/, '$1'),
        port: Number(name.slice(at + 1)) || CLASSIC_PORT,
        key: publicKey === undefined ? undefined : parsePublicKey(publicKey),
      };
    });
}

/** Leaves WireGuard's port to a running client. */
function portToSendFrom(
  { device, reason }: InterfaceFacts,
  client: Status | 'none',
): WireguardPort | undefined {
  const isUsable = device !== undefined && device.listenPort !== 0 && reason !== 'down';
  return isUsable && client === 'none' ? device : undefined;
}

/** The interface's keys, to ask a server whether it may register; the caller overwrites them. */
async function ownKeys(
  interfaceName: string,
  servers: readonly CheckedServer[],
  from: WireguardPort | undefined,
): Promise<KeyPair | undefined> {
  if (from === undefined || servers.every(({ key }) => key === undefined)) {
    return undefined;
  }
  try {
    const secret = await readPrivateKey(interfaceName);
    const pair = keyPairOf(secret);
    wipe(secret);
    return pair;
  } catch {
    return undefined;
  }
}

async function readServer(
  { host, port, key }: CheckedServer,
  device: Device | undefined,
  from: WireguardPort | undefined,
  own: KeyPair | undefined,
  limit: TimeLimit,
): Promise<ServerFacts> {
  const name = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const protocol = key === undefined ? 'classic' : 'sealed';
  const addresses = await within(LOOKUP_LIMIT_MS, addressesOf(host), () => 'no answer in time');
  if (!Array.isArray(addresses)) {
    return { name, protocol, lookupError: addresses, probes: [] };
  }
  const endpoints = ([4, 6] as const).flatMap((family) => {
    const first = addresses.filter((one) => addressFamily(one) === family).sort()[0];
    return first === undefined ? [] : [endpoint(first, port)];
  });
  const probes = await Promise.all(
    endpoints.map((one): Promise<ProbeFacts> => {
      const route = device && routesOf(device, [one])[0];
      const silent = {
        endpoint: one,
        fromWireguardPort: from !== undefined,
        route,
        outcome: 'silent' as const,
      };
      return limit.keep(
        `server ${name}`,
        probe(one, key, from, own).then((probed) => ({ ...silent, ...probed })),
        silent,
      );
    }),
  );
  return { name, protocol, lookupError: undefined, probes };
}

async function probe(
  one: Endpoint,
  key: PublicKey | undefined,
  from: WireguardPort | undefined,
  own: KeyPair | undefined,
) {
  if (key === undefined) {
    return probeClassic({ endpoint: one, from });
  }
  const sealed = await probeSealed({ endpoint: one, from }, key, own);
  if (sealed.outcome === 'answered') {
    // Only the classic protocol reveals where a request comes from; many servers speak both.
    const { seenAs } = await probeClassic({ endpoint: one, from });
    return { ...sealed, seenAs };
  }
  if (sealed.outcome !== 'silent') {
    return sealed;
  }
  const classic = await probeClassic({ endpoint: one, from });
  return classic.outcome === 'answered' ? { ...classic, outcome: 'classic-only' as const } : sealed;
}

async function addressesOf(host: string): Promise<string[] | string> {
  if (addressFamily(host) !== undefined) {
    return [host];
  }
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
}

function readRules(
  { listenPort, fwmark }: Device,
  probes: readonly ProbeFacts[],
  peers: readonly Endpoint[],
  routes: Facts['peerRoutes'],
) {
  return readFirewall({
    listenPort,
    fwmark,
    servers: probes.map(({ endpoint: to, route }) => ({
      endpoint: to,
      interface: route?.interface,
    })),
    peers: peers.slice(0, MAX_ASKED).map((to) => ({
      endpoint: to,
      interface: routes.find((route) => route.to === to.address)?.interface,
    })),
  });
}

/** The peers' endpoints at the classic servers that answer. An endpoint outweighs another server's empty answer. */
async function readRegistered(
  servers: readonly ServerFacts[],
  device: Device | undefined,
): Promise<Map<string, Endpoint | 'unknown'>> {
  const classic = servers.flatMap(
    ({ probes }) =>
      probes.find(
        ({ outcome, seenAs }) => (outcome === 'answered' || outcome === 'classic-only') && seenAs,
      ) ?? [],
  );
  const keys = new Map(
    (device?.peers ?? [])
      .slice(0, MAX_ASKED)
      .map((peer) => [formatPublicKey(peer.publicKey), peer.publicKey]),
  );
  const signal = AbortSignal.timeout(REGISTERED_LIMIT_MS);
  const answers = await Promise.all(
    classic.map((one) => lookUpClassic(one.endpoint, keys, signal)),
  );
  const joined = new Map<string, Endpoint | 'unknown'>();
  for (const [key, answer] of answers.flatMap((one) => [...one])) {
    const known = joined.get(key);
    joined.set(key, known === undefined || known === 'unknown' ? answer : known);
  }
  return joined;
}

function otherClients(interfaceName: string, client: Status | 'none'): OtherClient[] {
  const known = [
    process.pid,
    client === 'none' ? undefined : client.pid,
    ...clientsOfOthers(interfaceName).map(({ pid }) => pid),
  ];
  const locks = lockHolders(interfaceName).map((one) => ({ ...one, holds: 'lock' as const }));
  const raw = rawUdpHolders().map((one) => ({ ...one, holds: 'raw-socket' as const }));
  const strangers = [...locks, ...raw].filter(({ pid }) => !known.includes(pid));
  return strangers.filter(({ pid }, i) => strangers.findIndex((one) => one.pid === pid) === i);
}

function addressesWithout(interfaceName: string): string[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => name !== interfaceName)
    .flatMap(([, list]) => list ?? [])
    .filter(({ internal, address }) => !internal && scopeOf(address) !== SCOPE.none)
    .map(({ address }) => withoutZone(address));
}
