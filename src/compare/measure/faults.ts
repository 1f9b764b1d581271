import { setTimeout as delay } from 'node:timers/promises';
import type { ComparedLab, ReadyApproach } from '../approach.js';
import type { FaultName, FaultResult } from '../results.js';
import { comparedLab, startClients, TWO_CONES } from './compared-lab.js';
import { firstPing } from './first-ping.js';

/** Time for a client to notice that there is no server, or to register with it. */
const SETTLE_MS = 3_000;
/** Longer than 25 s and 45 s, the intervals at which connected clients check again. */
const TIMEOUT_MS = 60_000;
const QUICK_TIMEOUT_MS = 20_000;
/** WireGuard considers a session dead after 180 s. */
const RECOVERY_TIMEOUT_MS = 200_000;
const MOVED_PORT = 45_000;

/** Returns the milliseconds until b answers a; rejects after `timeoutMs`. */
type Fault = (approach: ReadyApproach, lab: ComparedLab, timeoutMs: number) => Promise<number>;

const FAULTS: Readonly<Record<FaultName, Fault>> = {
  'server-late': serverLate,
  'reply-lost': replyLost,
  'server-restarted': serverRestarted,
  'mapping-changed': mappingChanged,
};

/** Injects a fault in a new lab. Rejects when no tunnel comes up within the time limit. */
export async function measureFault(
  approach: ReadyApproach,
  fault: FaultName,
  { quick, roundTripMs }: { readonly quick: boolean; readonly roundTripMs: number },
): Promise<FaultResult> {
  await using lab = await comparedLab(approach, TWO_CONES, roundTripMs);
  const limitMs = fault === 'mapping-changed' ? RECOVERY_TIMEOUT_MS : TIMEOUT_MS;
  const timeoutMs = quick ? QUICK_TIMEOUT_MS : limitMs;
  return { milliseconds: Math.round(await FAULTS[fault](approach, lab, timeoutMs)) };
}

/** The server starts 3 s after the clients. The time counts from when it listens. */
async function serverLate(
  approach: ReadyApproach,
  lab: ComparedLab,
  timeoutMs: number,
): Promise<number> {
  const clients = startClients(approach, lab, ['a', 'b']);
  await delay(SETTLE_MS);
  await approach.startServer(lab);
  const start = performance.now();
  return (await firstPing(lab, clients, timeoutMs)) - start;
}

/** The first datagram from the server's host to a is lost. The time counts from the clients' start. */
async function replyLost(
  approach: ReadyApproach,
  lab: ComparedLab,
  timeoutMs: number,
): Promise<number> {
  await approach.startServer(lab);
  const lost = await lab
    .host('a')
    .cable.dropNext(1, { direction: 'inbound', protocol: 'udp', source: lab.rendezvous.address });
  const start = performance.now();
  const clients = startClients(approach, lab, ['a', 'b']);
  const end = await firstPing(lab, clients, timeoutMs);
  if ((await lost.packets()) !== 1) {
    throw new Error('the tunnel came up before the server had sent anything');
  }
  return end - start;
}

/** The server restarts after a's client has started. The time counts from the start of b's. */
export async function serverRestarted(
  approach: ReadyApproach,
  lab: ComparedLab,
  timeoutMs: number,
): Promise<number> {
  const server = await approach.startServer(lab);
  const first = startClients(approach, lab, ['a']);
  await delay(SETTLE_MS);
  await server.stop('SIGKILL');
  await approach.startServer(lab);
  const start = performance.now();
  const second = startClients(approach, lab, ['b']);
  return (await firstPing(lab, [...first, ...second], timeoutMs)) - start;
}

/** a's NAT moves its mapping to another port while both sides send. The time counts from then. */
async function mappingChanged(
  approach: ReadyApproach,
  lab: ComparedLab,
  timeoutMs: number,
): Promise<number> {
  await approach.startServer(lab);
  const clients = startClients(approach, lab, ['a', 'b']);
  await firstPing(lab, clients, TIMEOUT_MS);
  const { gateways, wireguard } = lab.host('a');
  await gateways[0]?.moveMapping(wireguard.listenPort, MOVED_PORT);
  const start = performance.now();
  const [recovered] = await Promise.all([
    lab.ping('a', 'b', { timeoutMs }),
    lab.ping('b', 'a', { timeoutMs }),
  ]);
  if (!recovered) {
    throw new Error(`no answer within ${timeoutMs / 1000} s`);
  }
  return performance.now() - start;
}
