import { EndpointTable } from '../../src/server/endpoint-table.js';
import { SourceShare } from '../../src/server/source-share.js';

const KEY_WORDS = 8;
/** Registrations timed together: a batch of the socket. */
const BATCH = 128;

export interface GrowthResult {
  readonly keys: number;
  /** Rows and index, as the table counts them. */
  readonly stateBytesPerEntry: number;
  /** The longest time that a batch of 128 registrations took while the table grew from nothing. */
  readonly longestPauseMs: number;
  readonly medianBatchMs: number;
}

/**
 * Fills tables from empty and times each batch. Every run grows at the same moments, so the shortest of
 * a batch's times over the runs is what the table needs, without what else the machine did.
 */
export function measureGrowth(keys: number, runs: number): GrowthResult {
  const batches = Math.ceil(keys / BATCH);
  const shortest = new Float64Array(batches).fill(Number.POSITIVE_INFINITY);
  let stateBytes = 0;
  // One more, first, to let V8 compile.
  for (let run = 0; run <= runs; run++) {
    const table = new EndpointTable({
      maxPeers: 2 * keys,
      ttlMs: 180_000,
      share: new SourceShare(0.999),
      hashKey: { low: 1, high: 2 },
    });
    for (let batch = 0; batch < batches; batch++) {
      const time = timeBatch(table, batch * BATCH);
      if (run > 0) {
        shortest[batch] = Math.min(shortest[batch]!, time);
      }
    }
    stateBytes = table.bytes;
  }
  const sorted = shortest.sort();
  return {
    keys,
    stateBytesPerEntry: stateBytes / (batches * BATCH),
    longestPauseMs: sorted[batches - 1]!,
    medianBatchMs: sorted[batches >> 1]!,
  };
}

function timeBatch(table: EndpointTable, firstKey: number): number {
  const key = new Uint32Array(KEY_WORDS);
  const addresses = new Uint32Array(5);
  const start = performance.now();
  for (let i = 0; i < BATCH; i++) {
    key[0] = firstKey + i;
    addresses[0] = firstKey + i;
    addresses[4] = 51820;
    table.register(key, 0, table.hash(key, 0), 4, addresses, 0, (firstKey + i) & 0xffff, 0);
  }
  return performance.now() - start;
}
