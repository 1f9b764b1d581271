/**
 * Our server against the original and against the machine's limit, in one run:
 *   node dist/bench/server/main.js [--quick] [--json FILE]
 *   node dist/bench/server/main.js --growth KEYS [--quick]
 * Prints tables, and one line of JSON unless it goes to a file. With --growth: only what a table needs
 * that grows to so many keys.
 */
import { writeFile } from 'node:fs/promises';
import { readFlags } from '../flags.js';
import { measureGrowth } from './growth.js';
import { measureLatency } from './latency.js';
import { measureMemory } from './memory.js';
import { formatGrowth, formatReport, type Report } from './report.js';
import { measureScraped } from './scraped.js';
import { type Case, type CaseResult, measureCase } from './throughput.js';
import { buildTools } from './tools.js';
import { measureWorkers } from './workers.js';

/** The ratios to reach; what was measured is in docs/operations.md. */
const CASES: readonly Case[] = [
  { keys: 10, mode: 'hits', target: { original: 1, limit: 0.9 } },
  { keys: 1000, mode: 'hits', target: { limit: 0.85 } },
  { keys: 10_000, mode: 'hits', target: { original: 4, limit: 0.85 } },
  { keys: 60_000, mode: 'hits', target: { original: 20, limit: 0.85 } },
  { keys: 1_000_000, mode: 'hits', target: { limit: 0.75 } },
  { keys: 10, mode: 'misses', target: { original: 18, limit: 0.85 } },
  { keys: 1000, mode: 'misses', target: { original: 18, limit: 0.85 } },
  { keys: 10_000, mode: 'misses', target: { original: 18, limit: 0.85 } },
  { keys: 60_000, mode: 'misses', target: { original: 18, limit: 0.85 } },
  { keys: 1_000_000, mode: 'misses', target: { limit: 0.85 } },
];

const MEMORY_KEYS = 1_000_000;

const flags = readFlags({
  quick: { type: 'boolean', default: false },
  json: { type: 'string' },
  growth: { type: 'string' },
});
const rounds = flags.quick ? { rounds: 5, seconds: 0.3 } : { rounds: 20, seconds: 0.4 };

const growth = measureGrowth(Number(flags.growth ?? MEMORY_KEYS), flags.quick ? 3 : 7);
if (flags.growth !== undefined) {
  process.stdout.write(formatGrowth(growth));
  process.exit();
}
await using tools = await buildTools();
const cases: CaseResult[] = [];
for (const it of CASES) {
  process.stderr.write(`${it.keys} keys, ${it.mode} …\n`);
  const result = await measureCase(tools, it, rounds);
  process.stderr.write(`  ${result.oursToLimit.toFixed(2)} of the limit\n`);
  cases.push(result);
}
process.stderr.write('memory, latency, metrics …\n');
const memory = await measureMemory(tools, MEMORY_KEYS);
const latency = await measureLatency(tools, flags.quick ? 3 : 9);
const scraped = await measureScraped(tools, flags.quick ? 5 : 15);
const workers = await measureWorkers(tools, rounds);
const report: Report = { cases, memory, growth, latency, scraped, workers };
process.stdout.write(formatReport(report));
const json = `${JSON.stringify(report)}\n`;
if (flags.json === undefined) {
  process.stdout.write(json);
} else {
  await writeFile(flags.json, json);
}
