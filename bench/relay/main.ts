/**
 * Our relay beside others, in one run and in turns: a relay in C that does nothing else (the limit), coturn's
 * TURN relay, and wireguard-go as a hub. Datagrams of 1 420 bytes from A to B on this host: first as many as
 * the relay passes, then 500 per second, whose time under way is compared with that on the same path without
 * the relay.
 *   node dist/bench/relay/main.js [--quick] [--bytes N] [--json FILE]
 * Needs root, for the hub's network namespaces, and Debian's coturn and wireguard-go.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../../src/compare/measure/statistics.js';
import { readFlags } from '../flags.js';
import { compileProgram } from '../server/tools.js';
import { startHub } from './hub.js';
import { drive, type LoadResult, type Route } from './load.js';
import { type Relay, startLimit, startOurs } from './subjects.js';
import { channelPrefix, startTurn } from './turn.js';

const NATIVE = fileURLToPath(new URL('../../../bench/relay/native/', import.meta.url));
const BITS_PER_BYTE = 8;
const GBIT = 1e9;
/** Datagrams per second at which latency is measured: no queue forms in any relay. */
const GENTLE_RATE = 500;

interface Slice {
  readonly perSecond: number;
  /** Processor time of the relay in seconds for each Gbit that it passed. */
  readonly cpuPerGbit: number;
}

/** Time under way in us, by the relay and on the same path without it. */
interface Latency {
  readonly relayed: LoadResult;
  readonly direct: LoadResult;
}

interface Contender {
  readonly relay: Relay;
  readonly slices: Slice[];
  readonly latencies: Latency[];
}

const flags = readFlags({
  quick: { type: 'boolean', default: false },
  bytes: { type: 'string', default: '1420' },
  json: { type: 'string' },
});
const bytes = Number(flags.bytes);
const { rounds, seconds, gentleRounds, gentleSeconds } = flags.quick
  ? { rounds: 5, seconds: 0.3, gentleRounds: 3, gentleSeconds: 1 }
  : { rounds: 20, seconds: 0.5, gentleRounds: 9, gentleSeconds: 2 };

const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-bench-relay-'));
try {
  const load = join(folder, 'load');
  const limit = join(folder, 'relay');
  await compileProgram('g++', join(NATIVE, 'relay-load.cc'), load);
  await compileProgram('gcc', join(NATIVE, 'relay.c'), limit);
  await using ours = await startOurs(folder);
  await using cRelay = await startLimit(limit);
  await using turn = await startTurn();
  await using hub = await startHub(folder);
  const contenders: Contender[] = [ours, cRelay, turn, hub].map((relay) => ({
    relay,
    slices: [],
    latencies: [],
  }));
  for (const { relay } of contenders) {
    await drive(load, routeOf(relay), { bytes, seconds: 1 });
  }
  await inTurns('throughput', rounds, contenders, (contender) => measureRate(load, contender));
  await inTurns('latency', gentleRounds, contenders, (contender) =>
    measureLatency(load, contender),
  );
  report(contenders);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Each goes first in turn. */
async function inTurns(
  what: string,
  rounds: number,
  contenders: readonly Contender[],
  measure: (contender: Contender) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`${what}: round ${round + 1} of ${rounds}\n`);
    for (let i = 0; i < contenders.length; i++) {
      await measure(contenders[(round + i) % contenders.length]!);
    }
  }
}

async function measureRate(load: string, { relay, slices }: Contender): Promise<void> {
  const before = relay.cpuSeconds();
  const full = await drive(load, routeOf(relay), { bytes, seconds });
  const cpu = relay.cpuSeconds() - before;
  const gbits = ((full.received + full.lost) * bytes * BITS_PER_BYTE) / GBIT;
  slices.push({ perSecond: full.perSecond, cpuPerGbit: cpu / gbits });
}

async function measureLatency(load: string, { relay, latencies }: Contender): Promise<void> {
  const gentle = { bytes, seconds: gentleSeconds, rate: GENTLE_RATE };
  const direct = await drive(load, relay.direct, gentle);
  latencies.push({ relayed: await drive(load, routeOf(relay), gentle), direct });
}

function routeOf({ route }: Relay): Route {
  return route.prefix === undefined ? route : { ...route, prefix: channelPrefix(bytes) };
}

/** The median of the rounds of what the relay adds. */
function addedUs(latencies: readonly Latency[], percentile: 'p50Us' | 'p99Us'): number {
  return Number(
    median(
      latencies.map(({ relayed, direct }) => relayed[percentile] - direct[percentile]),
    ).toFixed(1),
  );
}

function report(contenders: readonly Contender[]): void {
  const [ours] = contenders;
  const rows = contenders.map(({ relay, slices, latencies }) => ({
    name: relay.name,
    perSecond: Math.round(median(slices.map((it) => it.perSecond))),
    mbitPerSecond: Math.round(
      (median(slices.map((it) => it.perSecond)) * bytes * BITS_PER_BYTE) / 1e6,
    ),
    cpuSecondsPerGbit: Number(median(slices.map((it) => it.cpuPerGbit)).toFixed(3)),
    addedP50Us: addedUs(latencies, 'p50Us'),
    addedP99Us: addedUs(latencies, 'p99Us'),
    directP50Us: Number(median(latencies.map(({ direct }) => direct.p50Us)).toFixed(1)),
    directP99Us: Number(median(latencies.map(({ direct }) => direct.p99Us)).toFixed(1)),
    oursToIt: Number(
      median(ours!.slices.map((it, i) => it.perSecond / slices[i]!.perSecond)).toFixed(2),
    ),
  }));
  const line = (cells: readonly (string | number)[]) =>
    `${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(18) : String(cell).padStart(16))).join('')}\n`;
  process.stdout.write(
    `${bytes} bytes, ${rounds} rounds of ${seconds} s; latency at ${GENTLE_RATE} datagrams/s, ${gentleRounds} x ${gentleSeconds} s\n`,
  );
  process.stdout.write(
    line([
      ...['relay', 'datagrams/s', 'Mbit/s', 'cpu s/Gbit'],
      ...['added p50 us', 'added p99 us', 'direct p50 us', 'direct p99 us', 'ours/it'],
    ]),
  );
  for (const row of rows) {
    process.stdout.write(line(Object.values(row)));
  }
  const json = `${JSON.stringify({ bytes, rounds, seconds, gentleRounds, gentleSeconds, gentleRate: GENTLE_RATE, rows })}\n`;
  if (flags.json === undefined) {
    process.stdout.write(json);
  } else {
    void writeFile(flags.json, json);
  }
}
