import { setTimeout as delay } from 'node:timers/promises';
import type { ComparedLab, ReadyApproach } from '../approach.js';
import type { TroubleName, TroubleResult } from '../results.js';
import { comparedLab, startClients, TWO_CONES } from './compared-lab.js';
import { firstPing } from './first-ping.js';

/** Time in which a client finds out that there is no server, or registers with one. */
const SETTLE_MS = 3_000;
/** Longer than the 25 s and 45 s after which clients that are content look again. */
const TIMEOUT_MS = 60_000;
const QUICK_TIMEOUT_MS = 20_000;
/** WireGuard takes a session for dead after 180 s. */
const RECOVERY_TIMEOUT_MS = 200_000;
const MOVED_PORT = 45_000;

/** `timeoutMs` is how long the tunnel may take. */
type Trouble = (approach: ReadyApproach, lab: ComparedLab, timeoutMs: number) => Promise<number>;

/** Each gives the milliseconds until a is answered by b, and rejects when that takes too long. */
const TROUBLES: Readonly<Record<TroubleName, Trouble>> = {
  'server-late': serverLate,
  'reply-lost': replyLost,
  'server-restarted': serverRestarted,
  'mapping-changed': mappingChanged,
};

/** Has something go wrong in a lab of its own. Rejects when the tunnel does not come up after all. */
export async function measureTrouble(
  approach: ReadyApproach,
  trouble: TroubleName,
  quick: boolean,
): Promise<TroubleResult> {
  await using lab = await comparedLab(approach, TWO_CONES);
  const patience = trouble === 'mapping-changed' ? RECOVERY_TIMEOUT_MS : TIMEOUT_MS;
  const timeoutMs = quick ? QUICK_TIMEOUT_MS : patience;
  return { milliseconds: Math.round(await TROUBLES[trouble](approach, lab, timeoutMs)) };
}

/** The server starts 3 s after the clients: from when it listens. */
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

/** The first datagram from the server's host to a is lost: from the clients' start. */
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
    throw new Error('the tunnel came up before the server had said anything');
  }
  return end - start;
}

/** The server is killed and started again between the start of a's client and of b's: from the latter. */
async function serverRestarted(
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

/** a's NAT forgets its mappings and maps to another port, while both sides send: from then. */
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
