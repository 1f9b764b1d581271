import { drive } from './load.js';
import { type Subject, startEcho, startOriginal, startOurs } from './subject.js';
import { type Rounds, register } from './throughput.js';
import type { Tools } from './tools.js';

const KEYS = 10_000;
const WARM_UP_SECONDS = 1;

export interface LatencyResult {
  readonly server: 'ours' | 'limit' | 'original';
  /** Half of what the server answered when it was sent all it could take. */
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly lost: number;
}

/** Time from request to reply at half of each server's own limit, with 10 000 keys. */
export async function measureLatency(tools: Tools, rounds: Rounds): Promise<LatencyResult[]> {
  await using ours = await startOurs(4 * KEYS);
  await using limit = await startEcho(tools);
  await using original = await startOriginal(tools);
  const servers: [LatencyResult['server'], Subject][] = [
    ['limit', limit],
    ['ours', ours],
    ['original', original],
  ];
  const results: LatencyResult[] = [];
  for (const [name, server] of servers) {
    const anyReply = name === 'limit';
    const load = { mode: 'hits', keys: KEYS, anyReply } as const;
    if (!anyReply) {
      await register(tools, server, KEYS);
    }
    const full = await drive(tools.load, server.port, { ...load, seconds: WARM_UP_SECONDS });
    const rate = full.perSecond / 2;
    const paced = await drive(tools.load, server.port, { ...load, seconds: rounds.seconds, rate });
    const { perSecond, p50Us, p99Us, p999Us, lost } = paced;
    results.push({ server: name, perSecond, p50Us, p99Us, p999Us, lost });
  }
  return results;
}
