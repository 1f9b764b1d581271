import { median } from '../../src/compare/statistics.js';
import { drive } from './load.js';
import { type Subject, startEcho, startSharedEcho } from './subject.js';
import type { Rounds } from './throughput.js';
import type { Tools } from './tools.js';

const KEYS = 10_000;

export interface WorkersResult {
  /** Answers per second of one process, and of two on one port. */
  readonly one: number;
  readonly two: number;
  readonly twoToOne: number;
}

/**
 * What a second process could gain: two echoes on one port (SO_REUSEPORT), which share nothing and do no
 * work, against one. Two servers with a table in common can gain less.
 */
export async function measureWorkers(
  tools: Tools,
  { rounds, seconds }: Rounds,
): Promise<WorkersResult> {
  await using single = await startEcho(tools);
  await using first = await startSharedEcho(tools);
  await using _second = await startSharedEcho(tools);
  const one: number[] = [];
  const two: number[] = [];
  for (let round = 0; round < rounds; round++) {
    one.push(await measureOne(tools, single, seconds));
    two.push(await measureOne(tools, first, seconds));
  }
  const ratios = two.map((perSecond, round) => perSecond / (one[round] ?? Number.NaN));
  return { one: median(one), two: median(two), twoToOne: median(ratios) };
}

async function measureOne({ load }: Tools, { port }: Subject, seconds: number): Promise<number> {
  const settings = { mode: 'hits', keys: KEYS, anyReply: true, seconds } as const;
  return (await drive(load, port, settings)).perSecond;
}
