/**
 * The sealed protocol beside the classic one and the machine's limit, in one run:
 *   node dist/bench/server/sealed.js [--quick] [--profile FOLDER]
 *   node dist/bench/server/sealed.js --pause [--quick]
 * Prints a table; with --profile, V8 writes a CPU profile of the server there. With --pause: only the
 * longest pause of the event loop with 250 000 clients and 1 000 000 wants.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MessageMacs } from '../../src/sealed/mac.js';
import { loadServerKey } from '../../src/server/sealed/key-file.js';
import type { PublicKey } from '../../src/wire/key.js';
import { readFlags } from '../flags.js';
import { drive } from './load.js';
import { measurePause } from './pause.js';
import { BenchClient, FIRST_PORT, SOCKETS } from './sealed-clients.js';
import { type Subject, startEcho, startOurs } from './subject.js';
import { register } from './throughput.js';
import { buildTools, type Tools } from './tools.js';

const run = promisify(execFile);

const CLIENTS = 240;
/** Each client wants this many of its neighbours on both sides, so all wants are mutual. */
const NEIGHBOURS = 15;
const CLASSIC_KEYS = 256;

/** In flight on each socket: few enough that no batch of handshakes is full, and none is deferred. */
const WINDOW = { handshakes: 16, data: 48 } as const;

const UNLIMITED = ['--source-rate', '0', '--handshake-rate', '0', '--client-rate', '0'];

interface Measure {
  readonly name: string;
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly lost: number;
}

const flags = readFlags({
  quick: { type: 'boolean', default: false },
  profile: { type: 'string' },
  pause: { type: 'boolean', default: false },
});
const seconds = flags.quick ? 1 : 3;
const rounds = flags.quick ? 1 : 3;
const profiling =
  flags.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`];

if (flags.pause) {
  const size = { clients: 250_000, wants: 1_000_000 };
  const result = await measurePause({ ...size, seconds: flags.quick ? 10 : 60 });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit();
}
await using tools = await buildTools();
const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-sealed-'));
try {
  const measures: Measure[] = [];
  for (let round = 0; round < rounds; round++) {
    measures.push(...(await measureAll(tools)));
  }
  process.stdout.write(table(measures));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measureAll(tools: Tools): Promise<Measure[]> {
  const keyFile = join(folder, 'key');
  const { publicKey } = loadServerKey(keyFile);
  await using echo = await startEcho(tools);
  await using server = await startOurs(200_000, ['--key', keyFile, ...UNLIMITED], profiling);
  await register(tools, server, CLASSIC_KEYS);
  const macs = new MessageMacs(publicKey);
  const clients = Array.from({ length: CLIENTS }, (_, i) => new BenchClient(i, macs));
  const cookies: Uint8Array[] = [];
  for (const client of clients) {
    cookies.push(await client.register(server.port, neighbours(clients, client)));
  }
  return [
    await classic(tools, echo, 'limit: echo of 6 bytes'),
    await classic(tools, server, 'classic'),
    await replay(tools, server, 'sealed, 1 peer', WINDOW.data, 400_000, (i) => {
      const client = clients[i % CLIENTS]!;
      return [client.source, client.want(neighbours(clients, client).slice(0, 1))];
    }),
    await replay(tools, server, 'sealed, 30 peers', WINDOW.data, 120_000, (i) => {
      const client = clients[i % CLIENTS]!;
      return [client.source, client.want(neighbours(clients, client))];
    }),
    await replay(tools, server, 'handshakes', WINDOW.handshakes, 9000, (i) => {
      const source = i % CLIENTS;
      const client = new BenchClient(source, macs);
      return [source, client.initiation(cookies[source])];
    }),
  ];
}

function neighbours(clients: readonly BenchClient[], { source }: BenchClient): PublicKey[] {
  return Array.from({ length: 2 * NEIGHBOURS }, (_, i) => {
    const distance = i < NEIGHBOURS ? i - NEIGHBOURS : i - NEIGHBOURS + 1;
    return clients[(source + distance + CLIENTS) % CLIENTS]!.keys.publicKey;
  });
}

async function classic({ load }: Tools, server: Subject, name: string): Promise<Measure> {
  const settings = { mode: 'hits', keys: CLASSIC_KEYS, anyReply: name !== 'classic' } as const;
  await drive(load, server.port, { ...settings, seconds: 1 });
  const before = server.cpuSeconds();
  const { perSecond, known, unknown, lost } = await drive(load, server.port, {
    ...settings,
    seconds,
  });
  return measure(name, server, before, perSecond, known + unknown, lost);
}

/** Makes `count` datagrams and sends them as fast as they are answered; the first part warms up. */
async function replay(
  tools: Tools,
  server: Subject,
  name: string,
  window: number,
  count: number,
  make: (i: number) => [source: number, datagram: Uint8Array],
): Promise<Measure> {
  const warmUp = Math.floor(count / 4);
  const parts = [join(folder, 'warm-up'), join(folder, 'run')] as const;
  await write(parts[0], 0, warmUp, make);
  await write(parts[1], warmUp, Math.ceil((count * seconds) / 3), make);
  await send(tools, server, parts[0], window);
  const before = server.cpuSeconds();
  const { perSecond, answers, lost } = await send(tools, server, parts[1], window);
  return measure(name, server, before, perSecond, answers, lost);
}

async function write(
  path: string,
  first: number,
  count: number,
  make: (i: number) => [source: number, datagram: Uint8Array],
): Promise<void> {
  const file = await open(path, 'w');
  try {
    let chunks: Uint8Array[] = [];
    for (let i = first; i < first + count; i++) {
      const [source, datagram] = make(i);
      const { length } = datagram;
      chunks.push(Uint8Array.of(source, source >>> 8, length, length >>> 8), datagram.slice());
      if (chunks.length >= 2000 || i === first + count - 1) {
        await file.write(Buffer.concat(chunks));
        chunks = [];
      }
    }
  } finally {
    await file.close();
  }
}

async function send({ replay }: Tools, server: Subject, path: string, window: number) {
  const args = ['--server', `127.0.0.1:${server.port}`, '--file', path, '--seconds', '20'];
  args.push('--sockets', String(SOCKETS), '--first-port', String(FIRST_PORT));
  args.push('--window', String(window));
  const { stdout } = await run(replay, args, { timeout: 30_000 });
  return JSON.parse(stdout) as { perSecond: number; answers: number; lost: number };
}

function measure(
  name: string,
  server: Subject,
  cpuBefore: number,
  perSecond: number,
  answers: number,
  lost: number,
): Measure {
  const cpuUs = ((server.cpuSeconds() - cpuBefore) / answers) * 1e6;
  return { name, perSecond, cpuUs, lost };
}

function table(measures: readonly Measure[]): string {
  const names = [...new Set(measures.map(({ name }) => name))];
  const lines = names.map((name) => {
    const runs = measures.filter((it) => it.name === name);
    const { perSecond, cpuUs, lost } = runs.sort((a, b) => a.perSecond - b.perSecond)[
      runs.length >> 1
    ]!;
    return `${name.padEnd(24)}${String(Math.round(perSecond)).padStart(9)}/s${cpuUs.toFixed(1).padStart(9)} us${String(lost).padStart(6)} lost`;
  });
  return `${lines.join('\n')}\n`;
}
