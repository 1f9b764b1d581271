import { type LabHost, type LabProcess, until } from '../../lab/index.js';
import type { AgentStarter } from '../agents/agent.js';
import type { RelayReport } from '../agents/relay.js';
import type { FakePeer, ReadyApproach } from '../approach.js';
import { fakePeers } from '../fake-peers.js';
import type { KnownPeersResult } from '../results.js';
import { comparedLab, registered } from './compared-lab.js';

const PEERS = 100;
const DELAY_MS = 25;
const TIMEOUT_MS = 30_000;
const HOSTS = {
  a: { nat: 'cone' },
  relay: { wireguard: false },
  crowd: { wireguard: false },
} as const;

/**
 * A client behind a cone NAT whose server knows all its peers and is a round trip of 50 ms away. The
 * way is made long by a relay, as the kernel of the lab may have no netem.
 */
export async function measureKnownPeers(
  approach: ReadyApproach,
  agents: AgentStarter,
): Promise<KnownPeersResult> {
  await using lab = await comparedLab(approach, HOSTS);
  const [a, relay] = [lab.host('a'), lab.host('relay')];
  await approach.startServer(lab);
  const peers = fakePeers(PEERS);
  await approach.introduce(peers, { lab, host: lab.host('crowd'), asker: a });
  const agent = await agents.start(relay, 'relay', {
    listen: relay.address,
    target: lab.rendezvous.address,
    ports: approach.ports,
    delayMs: DELAY_MS,
  });
  const tunnelAddress = approach.registry ? lab.rendezvous.wireguard.tunnelAddress : undefined;
  if (approach.registry) {
    await moveRegistry(lab.rendezvous, a, relay);
    await registered(lab, 'a');
  }
  await a.wireguard.setPeers(peers.map(asPeer));
  agent.write('reset\n');
  const start = performance.now();
  approach.startClient(a, { address: relay.address, tunnelAddress });
  const end = await allKnown(a, peers);
  const { datagrams, bytes, roundTrips } = await report(agent);
  return {
    peers: PEERS,
    roundTripMilliseconds: 2 * DELAY_MS,
    milliseconds: Math.round(end - start),
    roundTrips,
    datagrams,
    bytes,
  };
}

function asPeer({ publicKey }: FakePeer, index: number) {
  return { publicKey, allowedIps: [`10.201.0.${index + 1}/32`] };
}

/** Has a host reach the registry's WireGuard through the relay. */
async function moveRegistry(rendezvous: LabHost, host: LabHost, relay: LabHost): Promise<void> {
  const { publicKey, listenPort, tunnelAddress } = rendezvous.wireguard;
  await host.wireguard.removePeer(publicKey);
  await host.wireguard.setPeer({
    publicKey,
    endpoint: `${relay.address}:${listenPort}`,
    allowedIps: [`${tunnelAddress}/32`],
    keepaliveSeconds: 25,
  });
  await until(
    'the tunnel to the registry through the relay',
    () => host.wireguard.hasHandshake(publicKey),
    { timeoutMs: TIMEOUT_MS },
  );
}

async function allKnown({ wireguard }: LabHost, peers: readonly FakePeer[]): Promise<number> {
  let known = 0;
  await until(
    'the endpoints of all peers',
    async () => {
      const endpoints = await wireguard.show('endpoints');
      const set = peers.filter(({ publicKey }) => endpoints.get(publicKey) !== '(none)');
      known = set.length;
      return known === peers.length;
    },
    { timeoutMs: TIMEOUT_MS },
  ).catch((cause) => {
    throw new Error(`${known} of ${peers.length} endpoints after ${TIMEOUT_MS / 1000} s`, {
      cause,
    });
  });
  return performance.now();
}

async function report(agent: LabProcess): Promise<RelayReport> {
  agent.write('report\n');
  const [line] = await agent.waitForOutput(/.*"roundTrips".*\n/);
  return JSON.parse(line) as RelayReport;
}
