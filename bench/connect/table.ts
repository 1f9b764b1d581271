import { setTimeout as delay } from 'node:timers/promises';
import { type Program, type ReadyApproach, serverSite } from '../../src/compare/approach.js';
import { connectToHub } from '../../src/compare/measure/compared-lab.js';
import { firstPing } from '../../src/compare/measure/first-ping.js';
import { median, percentile } from '../../src/compare/measure/statistics.js';
import {
  createLab,
  type Distance,
  type HostOptions,
  type Lab,
  meshHosts,
  type NatKind,
  until,
} from '../../src/lab/index.js';

const NATS = ['cone', 'none', 'cgnat'] as const satisfies readonly NatKind[];
const ROUND_TRIPS_MS = [0, 10, 50, 100, 200, 600];
const USUAL_MS = 50;
const LATER_MS = 3000;
const TIMEOUT_MS = 30_000;
const MESH = 8;
const SPOKES = 100;
/** Enough for the start of all their clients. */
const SPOKES_START_MS = 20_000;
const KEEPALIVE_SECONDS = 25;
const CHECK_MS = 50;

/** The round trips from a client's first packet to the answered ping, if nothing is lost. */
export interface RoundTrips {
  readonly toServer: number;
  readonly toPeer: number;
}

/** An approach, and what it needs at least: the start of its program and round trips. */
export interface Row {
  readonly name: string;
  readonly approach: ReadyApproach;
  /** The approach of the second host, where it is another. */
  readonly other?: ReadyApproach;
  readonly roundTrips: RoundTrips;
  readonly startMs: number;
}

/** What is measured: hosts in a lab, and what happens before and between the starts of their clients. */
interface Case {
  readonly name: string;
  readonly hosts: Readonly<Record<string, HostOptions>>;
  readonly distance: Distance;
  /** @default all hosts have each other as peers */
  readonly peers?: (lab: Lab<string>) => Promise<void>;
  readonly before?: (lab: Lab<string>) => Promise<void>;
  /** The hosts whose clients start this long before the others. */
  readonly early?: { readonly hosts: number; readonly ms: number };
}

function pair(nat: NatKind): Record<'a' | 'b', HostOptions> {
  return { a: { nat }, b: { nat } };
}

/** Pairs that start at once, by NAT and round trip; then what makes it harder, at 50 ms. */
function cases(): Case[] {
  const grid = NATS.flatMap((nat) =>
    ROUND_TRIPS_MS.map((roundTripMs) => ({
      name: `${nat} x ${nat}, ${roundTripMs} ms`,
      hosts: pair(nat),
      distance: { roundTripMs },
    })),
  );
  const usual = { hosts: pair('cone'), distance: { roundTripMs: USUAL_MS } };
  const onSides = (what: string, before: (lab: Lab<string>, sides: number) => Promise<void>) =>
    [1, 2].map((sides) => ({
      ...usual,
      name: `${what} on ${sides} of 2 sides`,
      before: (lab: Lab<string>) => before(lab, sides),
    }));
  return [
    ...grid,
    { ...usual, name: 'one waits, the other 3 s later', early: { hosts: 1, ms: LATER_MS } },
    {
      ...usual,
      name: 'jitter of half the round trip, 3 % loss',
      distance: { roundTripMs: USUAL_MS, jitterMs: USUAL_MS / 2, loss: 0.03 },
    },
    ...onSides('ping running', startPings),
    ...onSides('keepalive set before', setKeepalives),
    {
      name: `mesh of ${MESH}`,
      hosts: meshHosts(MESH, { nat: 'cone' }),
      distance: { roundTripMs: USUAL_MS },
    },
    {
      name: `${SPOKES} peers wait, their hub starts`,
      hosts: { ...meshHosts(SPOKES, { nat: 'cone' }), hub: { nat: 'cone' } },
      distance: { roundTripMs: USUAL_MS },
      peers: setSpokes,
      early: { hosts: SPOKES, ms: SPOKES_START_MS },
    },
  ];
}

/** Makes the hub the only peer of the other hosts. */
async function setSpokes(lab: Lab<string>): Promise<void> {
  const spokes = Object.keys(meshHosts(SPOKES)).map((name) => lab.host(name));
  await connectToHub(lab.host('hub'), spokes);
}

/** Pings as a user's own traffic: WireGuard sends initiations of its own accord. */
async function startPings(lab: Lab<string>, sides: number): Promise<void> {
  for (const [from, to] of SIDES.slice(0, sides)) {
    lab.host(from).spawn('ping', ['-n', '-i', '0.2', lab.host(to).wireguard.tunnelAddress]);
  }
}

async function setKeepalives(lab: Lab<string>, sides: number): Promise<void> {
  for (const [from, to] of SIDES.slice(0, sides)) {
    const peer = lab.host(to).wireguard.publicKey;
    await lab.host(from).wireguard.setKeepalive([peer], KEEPALIVE_SECONDS);
  }
}

const SIDES = [
  ['a', 'b'],
  ['b', 'a'],
] as const;

/**
 * Milliseconds from the start of the last clients to the first answered ping; with more than two hosts, to
 * all handshakes. The distance lies on the uplinks of the hosts: the server is half a round trip from each.
 */
async function measure(one: Case, { approach, other = approach }: Row): Promise<number> {
  await using lab = await createLab<string>({
    hosts: one.hosts,
    peers: one.peers === undefined,
    distance: one.distance,
    rendezvousDistance: { loss: one.distance.loss ?? 0 },
  });
  await one.peers?.(lab);
  await approach.startServer(lab);
  await one.before?.(lab);
  const names = Object.keys(one.hosts);
  const { hosts: early, ms } = one.early ?? { hosts: 0, ms: 0 };
  const start = (name: string): Program =>
    (name === names[0] ? approach : other).startClient(lab.host(name), serverSite(lab));
  const clients = names.slice(0, early).map(start);
  await delay(ms);
  const begin = performance.now();
  clients.push(...names.slice(early).map(start));
  if (names.length === 2) {
    return (await firstPing(lab, clients, TIMEOUT_MS)) - begin;
  }
  // Every pair of a hub has the hub in it. Otherwise a host that starts last has the last handshakes.
  const ends = one.peers === undefined ? names.reverse() : names.slice(-1);
  for (const name of ends) {
    await until(`all handshakes of ${name}`, () => isConnected(lab, name), {
      timeoutMs: TIMEOUT_MS,
      intervalMs: CHECK_MS,
    });
  }
  return performance.now() - begin;
}

async function isConnected(lab: Lab<string>, name: string): Promise<boolean> {
  const times = [...(await lab.host(name).wireguard.show('latest-handshakes')).values()];
  return times.length > 0 && times.every((time) => time !== '0');
}

/**
 * Prints a table: for each case and approach the median, the 95th percentile, the worst, the failures, and
 * the ratio of the median to its floor.
 * @param only a part of the names of the cases to measure
 */
export async function printTable(
  rows: readonly Row[],
  { tries, only }: { readonly tries: number; readonly only: string },
): Promise<void> {
  console.log(`${tries} tries each; milliseconds\n`);
  console.log('| case | approach | median | p95 | worst | failed | floor | median / floor |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const one of cases().filter(({ name }) => name.includes(only))) {
    const times = new Map<Row, number[]>(rows.map((row) => [row, []]));
    for (let i = 0; i < tries; i++) {
      for (const row of rows) {
        // A connection that fails is counted, and the others go on.
        const ms = await measure(one, row).catch((error: unknown) => {
          console.error(`${one.name}, ${row.name}: ${(error as Error).message}`);
          return Number.POSITIVE_INFINITY;
        });
        times.get(row)?.push(ms);
      }
    }
    for (const row of rows) {
      console.log(line(one, row, times.get(row) ?? []));
    }
  }
}

function line({ name, distance }: Case, row: Row, times: readonly number[]): string {
  const { toServer, toPeer } = row.roundTrips;
  const floor = row.startMs + (toServer / 2 + toPeer) * (distance.roundTripMs ?? 0);
  const middle = median(times);
  const failed = times.filter((ms) => !Number.isFinite(ms)).length;
  const cells = [
    name,
    row.name,
    middle.toFixed(0),
    percentile(times, 0.95).toFixed(0),
    Math.max(...times).toFixed(0),
    failed,
    floor.toFixed(0),
    (middle / floor).toFixed(2),
  ];
  return `| ${cells.join(' | ')} |`;
}
