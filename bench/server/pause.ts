import { randomBytes, randomFillSync } from 'node:crypto';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { sourceAt } from '../../src/limits/source.js';
import { type ClientRecord, keyText } from '../../src/server/sealed/client-record.js';
import { Directory } from '../../src/server/sealed/directory.js';
import { ProvenPath } from '../../src/server/sealed/proven-path.js';
import { Sessions } from '../../src/server/sealed/sessions.js';
import { ADDRESS_WORDS } from '../../src/socket/datagram-batch.js';
import { KEY_LENGTH } from '../../src/wire/key.js';

const HASH_KEY = { low: 1, high: 2 };

/** Work of one turn: want lists renewed, wants replaced, clients that move. */
const RENEWED = 64;
const REPLACED = 8;
const MOVED = 8;

export interface PauseOptions {
  readonly clients: number;
  readonly wants: number;
  readonly seconds: number;
}

export interface PauseResult extends PauseOptions {
  readonly heapMegabytes: number;
  readonly residentMegabytes: number;
  readonly turns: number;
  readonly medianTurnMs: number;
  /** The longest turn of the event loop, with the collections of garbage in it. */
  readonly longestTurnMs: number;
  /** The longest collection of garbage meanwhile. */
  readonly longestGcMs: number;
  /** A collection of the whole heap at one go, which V8 spreads over many turns where it can. */
  readonly fullGcMs: number;
}

/**
 * How long the event loop stands still while a directory of that size is worked on: each client has a
 * session, a path and its part of the wants, half of them mutual. No sockets and no cryptography.
 */
export async function measurePause(options: PauseOptions): Promise<PauseResult> {
  const { clients: count, wants, seconds } = options;
  const perClient = Math.floor(wants / count);
  const bytes = randomBytes(count * KEY_LENGTH);
  const keyOf = (i: number) => keyText(bytes, i * KEY_LENGTH);
  const directory = new Directory({
    maxClients: 2 * count,
    maxWanted: 4096,
    maxWants: 4 * wants,
    maxCandidates: 65_536,
    sourceShare: 0.999,
  });
  const sessions = new Sessions(() => randomBytes(4).readInt32LE());
  const addresses = new Uint32Array(ADDRESS_WORDS);
  const clients: ClientRecord[] = [];
  for (let i = 0; i < count; i++) {
    addresses[0] = i;
    addresses[4] = 51820;
    const client = directory.add(keyOf(i), sourceAt(addresses, 0, 4, HASH_KEY))!;
    const secrets = { send: randomBytes(32), receive: randomBytes(32) };
    sessions.confirm(
      sessions.open(client, i, secrets, new ProvenPath(4, addresses, 0, 0, 0), 0),
      0,
    );
    directory.hear(client, 4, addresses, 0, 0, 0);
    clients.push(client);
  }
  const peerOf = (i: number, n: number) =>
    (i + (n % 2 === 0 ? 1 : -1) * (1 + (n >> 1)) + count) % count;
  for (let i = 0; i < count; i++) {
    for (let n = 0; n < perClient; n++) {
      directory.want(clients[i]!, keyOf(peerOf(i, n)));
    }
    deliver(directory);
  }
  // What building left behind is not part of the measurement.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const collectStart = performance.now();
  collect();
  const fullGcMs = performance.now() - collectStart;
  let longestGcMs = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      longestGcMs = Math.max(longestGcMs, duration);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const times: number[] = [];
  const stranger = Buffer.alloc(KEY_LENGTH);
  const end = performance.now() + seconds * 1000;
  for (let last = performance.now(); last < end; ) {
    for (let k = 0; k < RENEWED; k++) {
      const i = Math.floor(Math.random() * count);
      for (let n = 0; n < perClient; n++) {
        directory.want(clients[i]!, keyOf(peerOf(i, n)));
      }
    }
    for (let k = 0; k < REPLACED; k++) {
      const i = Math.floor(Math.random() * count);
      directory.beginList(clients[i]!);
      randomFillSync(stranger);
      directory.want(clients[i]!, keyText(stranger));
      directory.endList(clients[i]!);
      for (let n = 0; n < perClient; n++) {
        directory.want(clients[i]!, keyOf(peerOf(i, n)));
      }
    }
    for (let k = 0; k < MOVED; k++) {
      const i = Math.floor(Math.random() * count);
      addresses[0] = Math.floor(Math.random() * 2 ** 32);
      directory.hear(clients[i]!, 4, addresses, 0, 0, last);
    }
    deliver(directory);
    await turn();
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  observer.disconnect();
  const { heapUsed, rss } = process.memoryUsage();
  times.sort((a, b) => a - b);
  return {
    ...options,
    heapMegabytes: heapUsed / 1e6,
    residentMegabytes: rss / 1e6,
    turns: times.length,
    medianTurnMs: times[times.length >> 1]!,
    longestTurnMs: times.at(-1)!,
    longestGcMs,
    fullGcMs,
  };
}

/** Takes the updates that wait, as if they were sent and acknowledged at once. */
function deliver({ ready }: Directory): void {
  for (const client of ready) {
    client.pushes.updates.clear();
  }
  ready.clear();
}
