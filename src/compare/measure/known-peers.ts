import {
  type Capture,
  type CapturedPacket,
  type LabHost,
  meshHosts,
  until,
} from '../../lab/index.js';
import type { ReadyApproach } from '../approach.js';
import { KNOWN_PEERS, type KnownPeersResult } from '../results.js';
import { comparedLab, connectToHub, startClients } from './compared-lab.js';
import { roundTrips } from './round-trips.js';

const TIMEOUT_MS = 30_000;
/** The headers of IPv4 and UDP. */
const HEADERS_LENGTH = 20 + 8;
const HUB = 'hub';
const PEERS = meshHosts(KNOWN_PEERS, { nat: 'cone' });
const PEER_NAMES = Object.keys(PEERS);

/**
 * Measures how fast a client connects to peers whose clients are there already, all behind cone NATs of
 * their own. The peers do not have each other as WireGuard peers.
 */
export async function measureKnownPeers(
  approach: ReadyApproach,
  roundTripMs: number,
): Promise<KnownPeersResult> {
  const hosts = { ...PEERS, [HUB]: { nat: 'cone' } } as const;
  await using lab = await comparedLab(approach, hosts, roundTripMs, { peers: false });
  const hub = lab.host(HUB);
  const peers = PEER_NAMES.map((name) => lab.host(name));
  await connectToHub(hub, peers);
  await approach.startServer(lab);
  const server = lab.rendezvous.address;
  await using capture = await lab.capture();
  startClients(approach, lab, PEER_NAMES);
  await allRegistered(capture, server, peers);
  const start = performance.now();
  startClients(approach, lab, [HUB]);
  const end = await allConnected(hub);
  const exchanged = (await capture.packets()).filter(
    (packet) => packet.timeMs >= start && packet.timeMs <= end && isBetween(packet, hub, server),
  );
  return {
    peers: KNOWN_PEERS,
    roundTripMilliseconds: roundTripMs,
    milliseconds: Math.round(end - start),
    roundTrips: roundTrips(exchanged, server, roundTripMs / 4),
    datagrams: exchanged.length,
    bytes: exchanged.reduce((sum, { length }) => sum + length + HEADERS_LENGTH, 0),
  };
}

/** Waits until each of these hosts has sent something to the server: one that has no answer yet gives none. */
async function allRegistered(capture: Capture, server: string, hosts: readonly LabHost[]) {
  await until(
    'a datagram of each peer to the server',
    async () => {
      const sent = (await capture.packets()).filter(
        ({ destination }) => destination.address === server,
      );
      const sources = new Set(sent.map(({ source }) => source.address));
      return hosts.every(({ outsideAddresses }) =>
        outsideAddresses.some((own) => sources.has(own)),
      );
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

/** Waits until a host has a handshake with each of its peers, and returns when it was seen. */
async function allConnected({ wireguard }: LabHost): Promise<number> {
  let connected = 0;
  await until(
    'a handshake with each peer',
    async () => {
      const handshakes = await wireguard.show('latest-handshakes');
      connected = [...handshakes.values()].filter((time) => time !== '0').length;
      return connected === handshakes.size;
    },
    { timeoutMs: TIMEOUT_MS },
  ).catch((cause) => {
    throw new Error(`${connected} of ${KNOWN_PEERS} peers connected after ${TIMEOUT_MS / 1000} s`, {
      cause,
    });
  });
  return performance.now();
}

function isBetween({ source, destination }: CapturedPacket, host: LabHost, server: string) {
  const addresses = [source.address, destination.address];
  return addresses.includes(server) && host.outsideAddresses.some((own) => addresses.includes(own));
}
