import { drive, type LoadResult } from './load.js';
import { type Subject, startEcho, startOriginal, startOurs } from './subject.js';
import type { Tools } from './tools.js';

/** The original forgets all but the last 65 536 keys. */
const ORIGINAL_MAX_KEYS = 65_536;

/** Registering 60 000 keys takes the original about 10 s. */
const REGISTER_SECONDS = 120;

/** V8 has compiled the path of a request after a second of it. */
const WARM_UP_SECONDS = 1;

export interface Case {
  readonly keys: number;
  readonly mode: 'hits' | 'misses';
  /** Ratios to reach. */
  readonly target: { readonly original?: number; readonly limit: number };
}

/** One server in one case: medians over the rounds. */
export interface Measure {
  readonly perSecond: number;
  readonly cpuUsPerRequest: number;
}

export interface CaseResult extends Case {
  readonly ours: Measure;
  readonly limit: Measure;
  readonly original: Measure | undefined;
  readonly oursToLimit: number;
  readonly oursToOriginal: number | undefined;
}

export interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
}

/** Measures all servers in one case, in turns, so that what else the machine does hits them alike. */
export async function measureCase(tools: Tools, it: Case, rounds: Rounds): Promise<CaseResult> {
  await using limit = await startEcho(tools);
  // Room to spare: near its bound the table refuses new keys of heavy sources, which is not the case here.
  await using ours = await startOurs(Math.max(4 * it.keys, 65_536));
  await using original = it.keys < ORIGINAL_MAX_KEYS ? await startOriginal(tools) : undefined;
  for (const server of [ours, original]) {
    if (server !== undefined) {
      await register(tools, server, it.keys);
    }
  }
  await drive(tools.load, ours.port, { ...it, seconds: WARM_UP_SECONDS });
  const runs = { ours: [] as Measure[], limit: [] as Measure[], original: [] as Measure[] };
  for (let round = 0; round < rounds.rounds; round++) {
    runs.limit.push(await measure(tools, limit, it, rounds.seconds, true));
    runs.ours.push(await measure(tools, ours, it, rounds.seconds, false));
    if (original !== undefined) {
      runs.original.push(await measure(tools, original, it, rounds.seconds, false));
    }
  }
  const result = { ours: median(runs.ours), limit: median(runs.limit) };
  const originalMedian = original === undefined ? undefined : median(runs.original);
  return {
    ...it,
    ...result,
    original: originalMedian,
    oursToLimit: result.ours.perSecond / result.limit.perSecond,
    oursToOriginal:
      originalMedian === undefined ? undefined : result.ours.perSecond / originalMedian.perSecond,
  };
}

/** Runs with lost answers are repeated at most so often. */
const MAX_REPEATS = 3;

/** Registers all keys; throws when the server does not take them. */
export async function register(tools: Tools, server: Subject, keys: number): Promise<void> {
  const load = { mode: 'register', keys, seconds: REGISTER_SECONDS } as const;
  const { finished } = await drive(tools.load, server.port, load);
  if (!finished) {
    throw new Error(`${keys} keys could not be registered in ${REGISTER_SECONDS} s`);
  }
}

async function measure(
  tools: Tools,
  server: Subject,
  { keys, mode }: Case,
  seconds: number,
  anyReply: boolean,
): Promise<Measure> {
  let before = server.cpuSeconds();
  let result = await drive(tools.load, server.port, { mode, keys, seconds, anyReply });
  // A machine that stood still for a while loses answers: that says nothing about the server.
  for (let again = 0; result.lost > 0 && again < MAX_REPEATS; again++) {
    before = server.cpuSeconds();
    result = await drive(tools.load, server.port, { mode, keys, seconds, anyReply });
  }
  const cpuSeconds = server.cpuSeconds() - before;
  if (!anyReply) {
    expectRight(result, mode);
  }
  const answers = result.known + result.unknown;
  return { perSecond: result.perSecond, cpuUsPerRequest: (cpuSeconds / answers) * 1e6 };
}

/** A fast wrong answer is no answer. */
function expectRight(result: LoadResult, mode: Case['mode']): void {
  const bad = mode === 'hits' ? result.unknown : result.known;
  if (bad + result.wrong + result.lost > 0) {
    throw new Error(`wrong answers in ${mode}: ${JSON.stringify(result)}`);
  }
}

/** The run in the middle, by answers per second. */
export function median(runs: readonly Measure[]): Measure {
  const sorted = [...runs].sort((a, b) => a.perSecond - b.perSecond);
  return sorted[sorted.length >> 1]!;
}
