import { type CapturedPacket, type LabHost, until } from '../../lab/index.js';
import { type FakePeer, fakePeers, type ReadyApproach } from '../approach.js';
import type { KnownPeersResult } from '../results.js';
import { comparedLab, startClients } from './compared-lab.js';
import { roundTrips } from './round-trips.js';

const PEERS = 100;
const TIMEOUT_MS = 30_000;
/** The headers of IPv4 and UDP. */
const HEADERS_LENGTH = 20 + 8;
const HOSTS = { a: { nat: 'cone' }, fakes: { wireguard: false } } as const;

/** Measures how fast a client behind a cone NAT learns the endpoints of peers that the server knows. */
export async function measureKnownPeers(
  approach: ReadyApproach,
  roundTripMs: number,
): Promise<KnownPeersResult> {
  await using lab = await comparedLab(approach, HOSTS, roundTripMs);
  const a = lab.host('a');
  await approach.startServer(lab);
  const peers = fakePeers(PEERS);
  await approach.introduce(peers, { lab, host: lab.host('fakes'), asker: a });
  await a.wireguard.setPeers(peers.map(asPeer));
  await using capture = await lab.capture();
  const start = performance.now();
  startClients(approach, lab, ['a']);
  const end = await allKnown(a, peers);
  const server = lab.rendezvous.address;
  const exchanged = (await capture.packets()).filter((packet) => isBetween(packet, a, server));
  return {
    peers: PEERS,
    roundTripMilliseconds: roundTripMs,
    milliseconds: Math.round(end - start),
    roundTrips: roundTrips(exchanged, server, roundTripMs / 4),
    datagrams: exchanged.length,
    bytes: exchanged.reduce((sum, { length }) => sum + length + HEADERS_LENGTH, 0),
  };
}

function isBetween({ source, destination }: CapturedPacket, host: LabHost, server: string) {
  const addresses = [source.address, destination.address];
  return addresses.includes(server) && host.outsideAddresses.some((own) => addresses.includes(own));
}

function asPeer({ publicKey }: FakePeer, index: number) {
  return { publicKey, allowedIps: [`10.201.0.${index + 1}/32`] };
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
