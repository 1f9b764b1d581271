import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { EndpointTable } from '../../src/server/classic/endpoint-table.js';
import { MAX_PEERS } from '../../src/server/options.js';
import { KEY_WORDS } from '../../src/wire/key.js';

/** Registrations timed together: a batch of the socket. */
const BATCH = 128;

export interface GrowthResult {
  readonly keys: number;
  /** Rows and index, as the table counts them. */
  readonly stateBytesPerEntry: number;
  /** The longest that a batch of 128 registrations needs while the table grows from nothing. */
  readonly longestBatchMs: number;
  readonly medianBatchMs: number;
  /**
   * The longest time that a batch took in each run, of which this is the median: as longestBatchMs, with
   * V8's collections of garbage, and with all else that the machine did.
   */
  readonly longestPauseMs: number;
}

/**
 * Fills tables from empty and times each batch. Every run grows at the same moments, so the shortest of
 * a batch's times over the runs is what the table needs, without what comes at other moments. Throws
 * where a table does not hold all keys.
 */
export function measureGrowth(keys: number, runs: number): GrowthResult {
  const batches = Math.ceil(keys / BATCH);
  const shortest = new Float64Array(batches).fill(Number.POSITIVE_INFINITY);
  const longest = new Float64Array(runs);
  let stateBytes = 0;
  // One more, first, to let V8 compile.
  for (let run = 0; run <= runs; run++) {
    collectGarbage();
    const table = new EndpointTable({
      maxPeers: Math.min(2 * keys, MAX_PEERS),
      ttlMs: 180_000,
      share: 0.999,
      hashKey: { low: 1, high: 2 },
    });
    for (let batch = 0; batch < batches; batch++) {
      const time = timeBatch(table, batch * BATCH);
      if (run > 0) {
        shortest[batch] = Math.min(shortest[batch]!, time);
        longest[run - 1] = Math.max(longest[run - 1]!, time);
      }
    }
    if (table.size !== batches * BATCH) {
      throw new Error(`the table holds ${table.size} of ${batches * BATCH} keys`);
    }
    stateBytes = table.bytes;
  }
  const sorted = shortest.sort();
  return {
    keys,
    stateBytesPerEntry: stateBytes / (batches * BATCH),
    longestBatchMs: sorted[batches - 1]!,
    medianBatchMs: sorted[batches >> 1]!,
    longestPauseMs: longest.sort()[runs >> 1]!,
  };
}

/** The table of the run before is given back at once, and not while the next one is timed. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

function timeBatch(table: EndpointTable, firstKey: number): number {
  const key = new Uint32Array(KEY_WORDS);
  const addresses = new Uint32Array(5);
  const start = performance.now();
  for (let i = 0; i < BATCH; i++) {
    key[0] = firstKey + i;
    addresses[0] = firstKey + i;
    addresses[4] = 51820;
    table.register(key, 0, table.hash(key, 0), 4, addresses, 0, 0);
  }
  return performance.now() - start;
}
