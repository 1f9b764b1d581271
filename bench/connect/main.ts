/*
 * Time from the start of the second client to the first answered ping between two cone NATs, for each
 * approach: with both clients started at once, and with the first one already waiting. Approaches take
 * turns. Prints each run, medians, 95th percentiles and worst times, ratios, and beside each median its
 * floor: the start of Node, measured in the same run, plus the round trips that the protocol needs.
 *
 * With --table: many cases instead, as table.ts has them, and our client against the original client.
 * With --changes: paths in difficult places and after changes, as changes.ts has them.
 *
 * With --crowd: a hub with 100 peers that wait for it, as crowd.ts has it.
 *
 * Run as root: node dist/bench/connect/main.js --help
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { wholeNumber } from '../../src/cli/arguments.js';
import type { ReadyApproach } from '../../src/compare/approach.js';
import { APPROACHES } from '../../src/compare/approaches/index.js';
import { AgentStarter, OurProgram } from '../../src/compare/index.js';
import { comparedLab, startClients, TWO_CONES } from '../../src/compare/measure/compared-lab.js';
import { firstPing } from '../../src/compare/measure/first-ping.js';
import { median, percentile } from '../../src/compare/measure/statistics.js';
import { environment } from '../../src/compare/our-program.js';
import { printChanges } from './changes.js';
import { printCrowd } from './crowd.js';
import { printTable, type RoundTrips, type Row } from './table.js';

const PROGRAM = fileURLToPath(new URL('../../bin/wg-rendezvous.js', import.meta.url));
const NAMES = ['original', 'classic', 'sealed'] as const;
const STARTS = ['both at once', 'one waits'] as const;
const DEFAULT_RUNS = 5;
const DEFAULT_ROUND_TRIP_MS = 50;
const TIMEOUT_MS = 30_000;
const CROWD = 100;
/** How long the first client has waited when the second starts: it then asks at its longest interval. */
const WAIT_MS = 5_000;

type Name = (typeof NAMES)[number];
type Start = (typeof STARTS)[number];

/** An approach with the floor of its connections. */
interface Contestant {
  readonly name: Name;
  readonly approach: ReadyApproach;
  /** Whether its client runs on Node. */
  readonly node: boolean;
  readonly roundTrips: RoundTrips;
}

/*
 * To the peer: one for WireGuard's handshake and one for the ping; classic, a half for the peer's probe.
 * To the server: one for the question; sealed, one for the cookie and one for the handshake, which brings
 * the peers or the push.
 */
const ROUND_TRIPS: Readonly<Record<Name, RoundTrips>> = {
  original: { toServer: 1, toPeer: 2 },
  classic: { toServer: 1, toPeer: 2.5 },
  sealed: { toServer: 2, toPeer: 2 },
};

/** Milliseconds from the start of a Node process that does nothing to its end. */
async function nodeStart(node: string): Promise<number> {
  const begin = performance.now();
  await once(spawn(node, ['-e', ''], { stdio: 'ignore', env: environment() }), 'exit');
  return performance.now() - begin;
}

/** Connects once, in a new lab. Returns milliseconds from the start of the second client. */
async function connect(
  { approach }: Contestant,
  start: Start,
  roundTripMs: number,
): Promise<number> {
  await using lab = await comparedLab(approach, TWO_CONES, roundTripMs);
  await approach.startServer(lab);
  const first = startClients(approach, lab, ['a']);
  if (start === 'one waits') {
    await delay(WAIT_MS);
  }
  const begin = performance.now();
  const second = startClients(approach, lab, ['b']);
  return (await firstPing(lab, [...first, ...second], TIMEOUT_MS)) - begin;
}

interface Options {
  readonly runs: number;
  readonly roundTrip: number;
  readonly node: string;
  readonly approach: readonly Name[];
  readonly table: boolean;
  readonly changes: boolean;
  readonly crowd: boolean;
  /** A part of the names of the cases of a table. */
  readonly only: string;
}

async function measure(
  contestants: readonly Contestant[],
  start: Start,
  { runs, roundTrip, node }: Options,
): Promise<void> {
  const times = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  const nodeStarts: number[] = [];
  for (let run = 1; run <= runs; run++) {
    // Two at once, as the clients start.
    nodeStarts.push(...(await Promise.all([nodeStart(node), nodeStart(node)])));
    for (const contestant of contestants) {
      const { name } = contestant;
      const ms = await connect(contestant, start, roundTrip);
      times.get(name)?.push(ms);
      print(`${start}, run ${run}: ${name.padEnd(8)} ${ms.toFixed(0).padStart(6)} ms`);
    }
  }
  const nodeMs = median(nodeStarts);
  for (const { name, node, roundTrips } of contestants) {
    const own = times.get(name) ?? [];
    const trips = roundTrips.toServer + roundTrips.toPeer;
    const floor = (node ? nodeMs : 0) + trips * roundTrip;
    const parts = `${node ? `Node's start ${nodeMs.toFixed(0)} ms + ` : ''}${trips} round trips`;
    print(
      `${start}, ${name}: median ${median(own).toFixed(0)} ms, p95 ${percentile(own, 0.95).toFixed(0)}, ` +
        `worst ${Math.max(...own).toFixed(0)}; floor ${floor.toFixed(0)} ms (${parts})`,
    );
  }
  for (const [name, reference] of [
    ['classic', 'original'],
    ['sealed', 'original'],
    ['sealed', 'classic'],
  ] as const) {
    const [own, other] = [times.get(name), times.get(reference)];
    if (own !== undefined && other !== undefined) {
      const ratio = median(own) / median(other);
      print(`${start}, ratio ${name} / ${reference}: ${ratio.toFixed(3)}`);
    }
  }
}

async function main(options: Options): Promise<void> {
  const tools = {
    ours: new OurProgram(PROGRAM, options.node),
    agents: new AgentStarter(PROGRAM),
    wgsd: undefined,
  };
  if (options.crowd) {
    const { runs: tries, roundTrip: roundTripMs, node } = options;
    await printCrowd({ ours: tools.ours, node, tries, roundTripMs, peers: CROWD });
    return;
  }
  const contestants: Contestant[] = [];
  try {
    for (const name of options.approach) {
      const approach = await APPROACHES[name](tools).prepare();
      const roundTrips = ROUND_TRIPS[name];
      contestants.push({ name, approach, node: name !== 'original', roundTrips });
    }
    if (options.table) {
      await measureTable(contestants, options);
      return;
    }
    if (options.changes) {
      const { runs: tries, roundTrip: roundTripMs, only } = options;
      for (const { name, approach } of contestants) {
        print(`\n${name}`);
        await printChanges(approach, { tries, roundTripMs, only });
      }
      return;
    }
    print(`round trip ${options.roundTrip} ms, ${options.runs} runs, ${options.node}`);
    for (const start of STARTS) {
      await measure(contestants, start, options);
    }
  } finally {
    await Promise.all(contestants.map(({ approach }) => approach[Symbol.asyncDispose]()));
  }
}

/** The table of all cases, and of our classic client against the original one where both are measured. */
async function measureTable(
  contestants: readonly Contestant[],
  { runs, node, only }: Options,
): Promise<void> {
  const starts: number[] = [];
  for (let i = 0; i < runs; i++) {
    starts.push(...(await Promise.all([nodeStart(node), nodeStart(node)])));
  }
  const rows: Row[] = contestants.map((it) => ({ ...it, startMs: it.node ? median(starts) : 0 }));
  const [classic, original] = ['classic', 'original'].map((name) =>
    rows.find((row) => row.name === name),
  );
  if (classic !== undefined && original !== undefined) {
    rows.push({ ...classic, name: 'classic with original', other: original.approach });
  }
  await printTable(rows, { tries: runs, only });
}

function print(line: string): void {
  console.log(line);
}

await new Command('bench:connect')
  .option(
    '--runs <n>',
    'connections of each approach and start',
    wholeNumber(1, 1_000),
    DEFAULT_RUNS,
  )
  .option(
    '--round-trip <ms>',
    'round trip between any two hosts',
    wholeNumber(0, 2_000),
    DEFAULT_ROUND_TRIP_MS,
  )
  .option(
    '--table',
    'measure many cases, and print them as a table; --runs is the tries of each',
    false,
  )
  .option('--changes', 'measure starts in difficult places, and the way back after a change', false)
  .option('--crowd', `measure how long a hub needs to connect ${CROWD} peers that wait`, false)
  .option('--only <text>', 'with --table or --changes: only the cases with this in their names', '')
  .option('--node <path>', 'the Node executable that runs our programs', process.execPath)
  .addOption(
    new Option('--approach <name...>', 'only these approaches').choices(NAMES).default([...NAMES]),
  )
  .action(main)
  .parseAsync();
