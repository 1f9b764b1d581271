/**
 * Many sealed clients on this host, in one run:
 *   node dist/bench/store/main.js [--quick] [--clients N] [--ping MS] [--only across|restart] [--json FILE] [--profile FOLDER]
 * across: four servers with one store, and how long news take from one to another; restart: one server that ends
 * and begins again, and how long its clients take to come back. Needs Debian's redis-server.
 *
 * Servers, store and clients share the processors. All but one in a hundred of the clients are in processes of a
 * lower priority than the servers.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { wholeNumber } from '../../src/cli/arguments.js';
import { type AcrossResult, measureAcross } from './across.js';
import { measureRestart, type RestartResult } from './restart.js';
import type { Spread } from './spread.js';

const PARTS = ['across', 'restart'] as const;
const DEFAULT_CLIENTS = 100_000;
const QUICK_CLIENTS = 400;
/** The default of our client, and one that makes a quick run quick. */
const PING_MS = 25_000;
const QUICK_PING_MS = 1000;
/** Headers of IPv4 and UDP. */
const HEADERS = 28;

interface Options {
  readonly quick: boolean;
  readonly clients?: number;
  readonly ping?: number;
  readonly only?: (typeof PARTS)[number];
  readonly json?: string;
  readonly profile?: string;
}

async function main({ quick, only, json, profile, ...flags }: Options): Promise<void> {
  const clients = flags.clients ?? (quick ? QUICK_CLIENTS : DEFAULT_CLIENTS);
  const pingMs = flags.ping ?? (quick ? QUICK_PING_MS : PING_MS);
  const base = await mkdtemp(join(tmpdir(), 'wg-rendezvous-bench-store-'));
  const results: { across?: AcrossResult; restart?: RestartResult } = {};
  try {
    for (const part of only === undefined ? PARTS : [only]) {
      const folder = join(base, part);
      await mkdir(folder, { mode: 0o700 });
      const common = { folder, clients, pingMs, profile };
      const before = load();
      if (part === 'across') {
        const [restSeconds, changeSeconds] = quick ? [2, 2] : [60, 20];
        results.across = await measureAcross({ ...common, restSeconds, changeSeconds });
        reportAcross(results.across);
      } else {
        const restSeconds = quick ? 2 : 10;
        const onProgress = (line: string) => process.stderr.write(`${line}\n`);
        results.restart = await measureRestart({
          ...common,
          restSeconds,
          onProgress,
        });
        reportRestart(results.restart);
      }
      print(
        `  load of this host with ${cpus().length} processors: ${before} before, ${load()} after`,
      );
    }
  } finally {
    await rm(base, { recursive: true, force: true });
  }
  if (json !== undefined) {
    await writeFile(json, `${JSON.stringify(results)}\n`);
  }
}

function reportAcross(result: AcrossResult): void {
  const { clients, joinSeconds, moved, appeared, missing, join: joined, minute } = result;
  print(
    `across: ${clients} clients of 4 servers with one store, joined in ${joinSeconds.toFixed(0)} s`,
  );
  print(`  news of a client that moved:    ${spread(moved)}`);
  print(`  news of a client that appeared: ${spread(appeared)}`);
  print(`  news that did not come:         ${missing}`);
  for (const [name, it] of [
    ['to join', joined],
    ['in a minute at rest', minute],
  ] as const) {
    print(`  a client ${name}:`);
    print(
      `    store: ${fixed(it.scripts)} scripts and ${fixed(it.messages)} messages, ${fixed(it.commands)} commands in all, ` +
        `${fixed(it.storeBytes)} bytes, ${fixed(it.storeMs * 1000)} us of processor time`,
    );
    print(
      `    server: ${fixed(it.datagrams)} datagrams, ${fixed(it.bytes + HEADERS * it.datagrams)} bytes with headers, ` +
        `${fixed(it.serverMs * 1000)} us of processor time`,
    );
  }
  print(
    `  memory of a client: ${result.storeBytes.toFixed(0)} bytes of the store, ${result.serverBytes.toFixed(0)} of its server`,
  );
}

function reportRestart(result: RestartResult): void {
  const { clients, joinSeconds, half, most, all, missing } = result;
  print(`restart: ${clients} clients of one server, joined in ${joinSeconds.toFixed(0)} s`);
  print(
    `  back: half after ${fixed(half)} s, 99 % after ${fixed(most)} s, all after ${fixed(all)} s; missing ${missing}`,
  );
  print(`  answers before:    ${spread(result.rest)}`);
  print(`  answers meanwhile: ${spread(result.meanwhile)}; ${result.unanswered} without`);
  print(
    `  a client took ${fixed(result.cpuMsPerClient)} ms of the server's processor time; ` +
      `${result.handshakes} handshakes, ${result.deferred} put off`,
  );
  print(
    `  the server waited for a processor for ${fixed(100 * result.waitedShare)} % of the time; ` +
      `the clients used ${fixed(result.generatorShare)} processors`,
  );
  print(`  memory of a client: ${result.serverBytes.toFixed(0)} bytes of the server`);
}

function spread({ count, medianMs, p99Ms, worstMs }: Spread): string {
  return `median ${medianMs.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)}, worst ${worstMs.toFixed(1)} (${count})`;
}

function fixed(value: number): string {
  return value.toFixed(value < 10 ? 2 : 0);
}

function load(): string {
  return loadavg()[0]!.toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await new Command('bench:store')
  .option('--quick', 'few clients, in seconds', false)
  .option('--clients <n>', 'how many clients', wholeNumber(1, 1_000_000))
  .option(
    '--ping <ms>',
    'between two pings of a client: the fewer, the more return at once',
    wholeNumber(100, 60_000),
  )
  .addOption(new Option('--only <part>', 'one part').choices(PARTS))
  .option('--profile <folder>', 'V8 writes CPU profiles of the servers there')
  .option('--json <file>', 'write the figures there as well')
  .action(main)
  .parseAsync();
