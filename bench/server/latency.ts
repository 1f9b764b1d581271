import { median } from '../../src/compare/measure/statistics.js';
import { drive, type LoadResult } from './load.js';
import { type Subject, startEcho, startOriginal, startOurs } from './subject.js';
import { register } from './throughput.js';
import type { Tools } from './tools.js';

const KEYS = 10_000;
/** How long a server is sent all it can take, to learn what half of it is; and then half of it. */
const FULL_SECONDS = 0.5;
const HALF_SECONDS = 1;

export interface LatencyResult {
  readonly server: 'ours' | 'limit' | 'original';
  /** Half of what the server answered when it was sent all it could take. */
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly lost: number;
}

/** Time from request to reply at half of each server's own limit, with 10 000 keys: medians of the rounds. */
export async function measureLatency(tools: Tools, rounds: number): Promise<LatencyResult[]> {
  await using ours = await startOurs(4 * KEYS);
  await using limit = await startEcho(tools);
  await using original = await startOriginal(tools);
  await register(tools, ours, KEYS);
  await register(tools, original, KEYS);
  const servers = { limit, ours, original };
  const names = Object.keys(servers) as (keyof typeof servers)[];
  const runs = { limit: [], ours: [], original: [] } as Record<keyof typeof servers, LoadResult[]>;
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      runs[name].push(await measureOne(tools, servers[name], name === 'limit'));
    }
  }
  return names.map((server) => ({
    server,
    perSecond: middle(runs[server], 'perSecond'),
    p50Us: middle(runs[server], 'p50Us'),
    p99Us: middle(runs[server], 'p99Us'),
    p999Us: middle(runs[server], 'p999Us'),
    lost: middle(runs[server], 'lost'),
  }));
}

async function measureOne(
  { load }: Tools,
  { port }: Subject,
  anyReply: boolean,
): Promise<LoadResult> {
  const settings = { mode: 'hits', keys: KEYS, anyReply } as const;
  const full = await drive(load, port, { ...settings, seconds: FULL_SECONDS });
  const rate = full.perSecond / 2;
  return drive(load, port, { ...settings, seconds: HALF_SECONDS, rate });
}

function middle(runs: readonly LoadResult[], figure: keyof LoadResult): number {
  return median(runs.map((run) => Number(run[figure])));
}
