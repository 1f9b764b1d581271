/**
 * Our relay beside others, in one run and in turns: a relay in C that does nothing else (the limit), coturn's
 * TURN relay, and wireguard-go as a hub. Datagrams of 1 420 bytes from A to B on this host.
 *   node dist/bench/relay/main.js [--quick] [--bytes N] [--json FILE]
 * Needs root, for the hub's network namespaces, and Debian's coturn and wireguard-go.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../../src/compare/measure/statistics.js';
import { compileProgram } from '../server/tools.js';
import { startHub } from './hub.js';
import { drive, type Route } from './load.js';
import { directRoute, type Relay, startLimit, startOurs } from './subjects.js';
import { channelPrefix, startTurn } from './turn.js';

const NATIVE = fileURLToPath(new URL('../../../bench/relay/native/', import.meta.url));
const BITS_PER_BYTE = 8;
const GBIT = 1e9;
/** What is sent to measure latency: a tenth of what the slowest relay passes. */
const LATENCY_RATE = 2000;

interface Slice {
  readonly perSecond: number;
  /** Processor time of the relay in seconds for each Gbit that it passed. */
  readonly cpuPerGbit: number;
}

interface Contender {
  readonly relay: Relay;
  readonly slices: Slice[];
  readonly latencyUs: number[];
}

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    bytes: { type: 'string', default: '1420' },
    json: { type: 'string' },
  },
});
const bytes = Number(flags.bytes);
const { rounds, seconds } = flags.quick
  ? { rounds: 5, seconds: 0.3 }
  : { rounds: 20, seconds: 0.5 };

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
    latencyUs: [],
  }));
  const direct: number[] = [];
  for (const { relay } of contenders) {
    await drive(load, routeOf(relay), { bytes, seconds: 1 });
  }
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    for (let i = 0; i < contenders.length; i++) {
      // Each goes first in turn.
      await measure(load, contenders[(round + i) % contenders.length]!);
    }
    const latency = { bytes, seconds, rate: LATENCY_RATE };
    direct.push((await drive(load, directRoute(), latency)).p50Us);
  }
  report(contenders, median(direct));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(load: string, { relay, slices, latencyUs }: Contender): Promise<void> {
  const before = relay.cpuSeconds();
  const full = await drive(load, routeOf(relay), { bytes, seconds });
  const cpu = relay.cpuSeconds() - before;
  const gbits = ((full.received + full.lost) * bytes * BITS_PER_BYTE) / GBIT;
  slices.push({ perSecond: full.perSecond, cpuPerGbit: cpu / gbits });
  const slow = await drive(load, routeOf(relay), { bytes, seconds, rate: LATENCY_RATE });
  latencyUs.push(slow.p50Us);
}

function routeOf({ route }: Relay): Route {
  return route.prefix === undefined ? route : { ...route, prefix: channelPrefix(bytes) };
}

function report(contenders: readonly Contender[], directUs: number): void {
  const [ours] = contenders;
  const rows = contenders.map(({ relay, slices, latencyUs }) => ({
    name: relay.name,
    perSecond: Math.round(median(slices.map((it) => it.perSecond))),
    mbitPerSecond: Math.round(
      (median(slices.map((it) => it.perSecond)) * bytes * BITS_PER_BYTE) / 1e6,
    ),
    cpuSecondsPerGbit: Number(median(slices.map((it) => it.cpuPerGbit)).toFixed(3)),
    addedLatencyUs: Number((median(latencyUs) - directUs).toFixed(1)),
    oursToIt: Number(
      median(ours!.slices.map((it, i) => it.perSecond / slices[i]!.perSecond)).toFixed(2),
    ),
  }));
  const line = (cells: readonly (string | number)[]) =>
    `${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(18) : String(cell).padStart(16))).join('')}\n`;
  process.stdout.write(
    `${bytes} bytes, ${rounds} rounds of ${seconds} s; added latency is p50 over ${directUs.toFixed(1)} us without relay\n`,
  );
  process.stdout.write(
    line(['relay', 'datagrams/s', 'Mbit/s', 'cpu s/Gbit', 'added us', 'ours/it']),
  );
  for (const row of rows) {
    process.stdout.write(line(Object.values(row)));
  }
  const json = `${JSON.stringify({ bytes, rounds, seconds, directUs, rows })}\n`;
  if (flags.json === undefined) {
    process.stdout.write(json);
  } else {
    void writeFile(flags.json, json);
  }
}
