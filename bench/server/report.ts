import type { Measure } from '../measure.js';
import type { GrowthResult } from './growth.js';
import type { LatencyResult } from './latency.js';
import type { MemoryResult } from './memory.js';
import type { ScrapedResult } from './scraped.js';
import type { CaseResult } from './throughput.js';
import type { WorkersResult } from './workers.js';

/** Everything the benchmark found. */
export interface Report {
  readonly cases: readonly CaseResult[];
  readonly memory: MemoryResult;
  readonly growth: GrowthResult;
  readonly latency: readonly LatencyResult[];
  readonly scraped: ScrapedResult;
  readonly workers: WorkersResult;
}

/** The report as text. */
export function formatReport(report: Report): string {
  const { memory, growth, scraped, workers } = report;
  return [
    table(
      ['keys', 'answers', 'ours/s', 'limit/s', 'original/s', 'ours/limit', 'ours/original', 'us'],
      report.cases.map(caseRow),
    ),
    `us: processor time per request of ours, limit, original; slices of ours measured again after ` +
      `lost answers: ${repeated(report.cases)}\n`,
    table(
      ['at half load', 'requests/s', 'p50 us', 'p99 us', 'p99.9 us', 'lost'],
      report.latency.map((it) => [
        it.server,
        Math.round(it.perSecond),
        it.p50Us,
        it.p99Us,
        it.p999Us,
        it.lost,
      ]),
    ),
    `memory: ${memory.bytesPerEntry.toFixed(1)} bytes an entry at ${memory.keys} (resident set above ` +
      `the empty, warm process)`,
    `--metrics, scraped once a second: ${scraped.scrapedToPlain.toFixed(3)} times the requests/s of the ` +
      `same server without (${perSecond(scraped.scraped)}, ${perSecond(scraped.plain)}), at ` +
      `${scraped.scraped.cpuUsPerRequest.toFixed(2)} and ${scraped.plain.cpuUsPerRequest.toFixed(2)} us`,
    `two echoes on one port: ${workers.twoToOne.toFixed(2)} times as many answers as one ` +
      `(${Math.round(workers.two)}/s, ${Math.round(workers.one)}/s)`,
    formatGrowth(growth),
  ].join('\n');
}

/** What a table needs while it grows, as a line. */
export function formatGrowth(growth: GrowthResult): string {
  const { keys, stateBytesPerEntry, longestBatchMs, medianBatchMs, longestPauseMs } = growth;
  return (
    `growth to ${keys}: ${stateBytesPerEntry.toFixed(1)} bytes of table an entry; a batch of 128 ` +
    `registrations needs ${longestBatchMs.toFixed(2)} ms at most, median ${medianBatchMs.toFixed(3)} ms; ` +
    `longest pause of the median run ${longestPauseMs.toFixed(2)} ms, with garbage collection and all ` +
    'else on the machine\n'
  );
}

function repeated(cases: readonly CaseResult[]): number {
  return cases.reduce((sum, { oursRepeated }) => sum + oursRepeated, 0);
}

function caseRow(it: CaseResult): (string | number)[] {
  const cpu = [it.ours, it.limit, it.original].map((m) => m?.cpuUsPerRequest.toFixed(1) ?? '-');
  return [
    it.keys,
    it.mode,
    perSecond(it.ours),
    perSecond(it.limit),
    perSecond(it.original),
    againstTarget(it.oursToLimit, it.target.limit),
    againstTarget(it.oursToOriginal, it.target.original),
    cpu.join(' / '),
  ];
}

function perSecond(measure: Measure | undefined): string | number {
  return measure === undefined ? '-' : Math.round(measure.perSecond);
}

/** A ratio, the target, and whether it was reached. */
function againstTarget(ratio: number | undefined, target: number | undefined): string {
  if (ratio === undefined) {
    return '-';
  }
  if (target === undefined) {
    return ratio.toFixed(2);
  }
  return `${ratio.toFixed(2)} ${ratio >= target ? '>=' : 'BELOW'} ${target}`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padStart(widths[column]!)).join('  ');
  return `${cells.map(line).join('\n')}\n`;
}
