import { drive } from './load.js';
import { startOurs } from './subject.js';
import { register } from './throughput.js';
import type { Tools } from './tools.js';

const WARM_KEYS = 10;
const WARM_UP_SECONDS = 2;

export interface MemoryResult {
  readonly keys: number;
  readonly emptyBytes: number;
  readonly fullBytes: number;
  readonly bytesPerEntry: number;
}

/** Resident memory of the server process, warm and empty, and then with so many entries. */
export async function measureMemory(tools: Tools, keys: number): Promise<MemoryResult> {
  await using server = await startOurs(2 * keys);
  await register(tools, server, WARM_KEYS);
  const warmUp = { mode: 'hits', keys: WARM_KEYS, seconds: WARM_UP_SECONDS } as const;
  await drive(tools.load, server.port, warmUp);
  const emptyBytes = server.residentBytes();
  await register(tools, server, keys);
  const fullBytes = server.residentBytes();
  return { keys, emptyBytes, fullBytes, bytesPerEntry: (fullBytes - emptyBytes) / keys };
}
