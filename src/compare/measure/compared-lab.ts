import {
  createLab,
  type HostOptions,
  type LabHost,
  type PeerOptions,
  until,
  type WireguardDevice,
} from '../../lab/index.js';
import type { ComparedLab, Program, ReadyApproach } from '../approach.js';
import { serverSite } from '../approach.js';

/** Many handshakes of WireGuard at the same time: one that fails is repeated after 5 s. */
const REGISTRY_TIMEOUT_MS = 30_000;

/** Two hosts, each behind a cone NAT: the standard case, in which every approach can connect. */
export const TWO_CONES = { a: { nat: 'cone' }, b: { nat: 'cone' } } as const;

/**
 * Builds a lab for an approach. If its server is a registry, the tunnels to it are up on return.
 * `peers`: whether all hosts have each other as WireGuard peers. @default true
 * `hops`: the routers between each site and the internet's core. @default 0
 */
export async function comparedLab(
  { registry }: ReadyApproach,
  hosts: Readonly<Record<string, HostOptions>>,
  roundTripMs: number,
  { peers = true, hops = 0 }: { readonly peers?: boolean; readonly hops?: number } = {},
): Promise<ComparedLab> {
  const distance = { roundTripMs };
  const lab: ComparedLab = await createLab<string>({ hosts, registry, peers, distance, hops });
  try {
    if (registry) {
      await Promise.all(
        Object.entries(hosts)
          .filter(([, { wireguard = true }]) => wireguard)
          .map(([name]) => registered(lab, name)),
      );
    }
    return lab;
  } catch (error) {
    await lab.dispose();
    throw error;
  }
}

/** Makes one host the WireGuard peer of each of the others, and them its peers. */
export async function connectToHub(hub: LabHost, others: readonly LabHost[]): Promise<void> {
  await hub.wireguard.setPeers(others.map(({ wireguard }) => asPeer(wireguard)));
  await Promise.all(others.map(({ wireguard }) => wireguard.setPeers([asPeer(hub.wireguard)])));
}

/** A device as a peer of another one, with its tunnel address as allowed IPs. */
export function asPeer({ publicKey, tunnelAddress }: WireguardDevice): PeerOptions {
  return { publicKey, allowedIps: [`${tunnelAddress}/32`] };
}

/** Waits until a host has its tunnel to the registry. */
async function registered(lab: ComparedLab, name: string): Promise<void> {
  const { wireguard } = lab.host(name);
  await until(
    `the tunnel of ${name} to the registry`,
    () => lab.rendezvous.wireguard.hasHandshake(wireguard.publicKey),
    { timeoutMs: REGISTRY_TIMEOUT_MS },
  );
}

/** Starts the clients of hosts, with the lab's rendezvous host as their server. */
export function startClients(
  approach: ReadyApproach,
  lab: ComparedLab,
  names: readonly string[],
): Program[] {
  return names.map((name) => approach.startClient(lab.host(name), serverSite(lab)));
}
