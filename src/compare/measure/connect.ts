import type { HostOptions } from '../../lab/index.js';
import type { Program, ReadyApproach } from '../approach.js';
import type { ConnectResult, ConnectRound, PairName } from '../results.js';
import { median } from '../statistics.js';
import { comparedLab, startClients, TWO_CONES } from './compared-lab.js';
import { firstPing } from './first-ping.js';

/** Far more than a connection takes; WireGuard repeats a lost handshake after 5 s. */
const TIMEOUT_MS = 12_000;

const HOSTS: Readonly<Record<PairName, Readonly<Record<'a' | 'b', HostOptions>>>> = {
  none: { a: {}, b: {} },
  cone: TWO_CONES,
  symmetric: { a: { nat: 'symmetric' }, b: { nat: 'symmetric' } },
  cgnat: { a: { nat: 'cgnat' }, b: { nat: 'cgnat' } },
  'full-cone': { a: { nat: 'full-cone' }, b: { nat: 'full-cone' } },
  'same-nat': { a: { nat: 'cone' }, b: { sameNatAs: 'a' } },
};

/** Connects the hosts of a pair once, in a lab of its own. Rejects when no tunnel comes up in time. */
export async function connectOnce(approach: ReadyApproach, pair: PairName): Promise<ConnectRound> {
  await using lab = await comparedLab(approach, HOSTS[pair]);
  await approach.startServer(lab);
  await using atServer = await lab.rendezvous.cable.count({ protocol: 'udp' });
  const start = performance.now();
  const clients: Program[] = startClients(approach, lab, ['a', 'b']);
  const end = await firstPing(lab, clients, TIMEOUT_MS);
  const { packets, bytes } = await atServer.tally();
  return { milliseconds: Math.round(end - start), datagrams: packets, bytes };
}

/** Summarizes rounds by their medians. */
export function summarize(rounds: readonly ConnectRound[]): ConnectResult {
  const middle = (field: keyof ConnectRound): number =>
    Math.round(median(rounds.map((round) => round[field])));
  return {
    milliseconds: middle('milliseconds'),
    datagrams: middle('datagrams'),
    bytes: middle('bytes'),
    rounds,
  };
}
