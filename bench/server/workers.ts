import { timesAsFast, typical } from '../measure.js';
import { startEcho, startSharedEcho } from './subject.js';
import { contender, type Rounds, takeTurns } from './throughput.js';
import type { Tools } from './tools.js';

const QUESTIONS = { keys: 10_000, mode: 'hits' } as const;

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
export async function measureWorkers(tools: Tools, rounds: Rounds): Promise<WorkersResult> {
  await using single = await startEcho(tools);
  await using first = await startSharedEcho(tools);
  await using _second = await startSharedEcho(tools);
  const one = contender(single, true);
  const two = contender(first, true);
  await takeTurns(tools, [one, two], QUESTIONS, rounds);
  return {
    one: typical(one.slices).perSecond,
    two: typical(two.slices).perSecond,
    twoToOne: timesAsFast(two.slices, one.slices),
  };
}
