/**
 * Time to the first answered ping behind two cone NATs, for the original pair with its server, our classic
 * pair and our sealed pair with ours, in turn: from the start of both clients at once, and from the start
 * of the second when the first waits already. Prints each run, the medians and their ratios.
 * Run as root: node dist/bench/connect/main.js [RUNS]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { OriginalPrograms } from '../../src/compare/original-programs.js';
import { createLab, type Lab, type LabProcess, until } from '../../src/lab/index.js';

const MAIN = fileURLToPath(new URL('../../bin/wg-rendezvous.js', import.meta.url));
const DEFAULT_RUNS = 5;
const TIMEOUT_MS = 30_000;
/**
 * The environment of our programs. Where this variable is set, Node reads all certificates of the system
 * before anything else, which takes longer than our own start and has nothing to do with us.
 */
const ENVIRONMENT = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
/** How often the handshake is looked for: seldom enough to leave the processors to the clients. */
const LOOK_MS = 25;

/** How long the first client has waited when the second starts: it asks as seldom as it ever does. */
const WAIT_MS = 5000;
const NAMES = ['original', 'classic', 'sealed'] as const;
const STARTS = ['both at once', 'one waits'] as const;

type Hosts = 'a' | 'b';
type Start = (typeof STARTS)[number];
interface Approach {
  readonly name: (typeof NAMES)[number];
  startServer(lab: Lab<Hosts>): Promise<unknown>;
  startClient(lab: Lab<Hosts>, host: Hosts): LabProcess;
}

/** One that the original's programs are. */
function original(programs: OriginalPrograms): Approach {
  return {
    name: 'original',
    startServer: ({ rendezvous }) => programs.startServer(rendezvous),
    startClient: (lab, host) => programs.startClient(lab.host(host), lab.rendezvous.address),
  };
}

/** One that our programs are; the server's key is kept in the folder, if there is one. */
function ours(name: 'classic' | 'sealed', folder?: string): Approach {
  let key: string[] = [];
  return {
    name,
    async startServer({ rendezvous }) {
      const keyFile = folder === undefined ? [] : ['--key', join(folder, 'keys', 'key')];
      const args = [MAIN, 'server', ...keyFile];
      const server = rendezvous.spawn(process.execPath, args, ENVIRONMENT);
      await server.waitForOutput(/listening on \[/);
      if (folder !== undefined) {
        key = ['--server-key', (await server.waitForOutput(/public key (\S+)/))[1] as string];
      }
    },
    startClient(lab, host) {
      const { interface: name } = lab.host(host).wireguard;
      const args = [MAIN, 'client', name, lab.rendezvous.address, ...key];
      return lab.host(host).spawn(process.execPath, args, ENVIRONMENT);
    },
  };
}

/**
 * Milliseconds from the start of the second client to the first answered ping. The ping is sent once there
 * is a handshake: an earlier one would make wireguard-go try without an endpoint, and then wait for 5 s.
 */
async function connect(approach: Approach, start: Start): Promise<number> {
  await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } } });
  await approach.startServer(lab);
  approach.startClient(lab, 'a');
  if (start === 'one waits') {
    await delay(WAIT_MS);
  }
  const begin = performance.now();
  approach.startClient(lab, 'b');
  const { wireguard } = lab.host('a');
  const peer = lab.host('b').wireguard.publicKey;
  await until('a handshake', () => wireguard.hasHandshake(peer), {
    timeoutMs: TIMEOUT_MS,
    intervalMs: LOOK_MS,
  });
  if (!(await lab.ping('a', 'b', { timeoutMs: TIMEOUT_MS }))) {
    throw new Error(`${approach.name}: no answer to the ping`);
  }
  return performance.now() - begin;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function compare(approaches: readonly Approach[], start: Start, runs: number): Promise<void> {
  const times = { original: [] as number[], classic: [] as number[], sealed: [] as number[] };
  for (let run = 1; run <= runs; run++) {
    for (const approach of approaches) {
      const ms = await connect(approach, start);
      times[approach.name].push(ms);
      console.log(
        `${start}, run ${run}: ${approach.name.padEnd(8)} ${ms.toFixed(0).padStart(6)} ms`,
      );
    }
  }
  const medians = NAMES.map((name) => [name, median(times[name])] as const);
  console.log(
    `${start}, median: ${medians.map(([name, ms]) => `${name} ${ms.toFixed(0)} ms`).join(', ')}`,
  );
  for (const name of ['classic', 'sealed'] as const) {
    const ratio = median(times[name]) / median(times.original);
    console.log(`${start}, ratio ${name} / original: ${ratio.toFixed(3)}`);
  }
  const ratio = median(times.sealed) / median(times.classic);
  console.log(`${start}, ratio sealed / classic: ${ratio.toFixed(3)}`);
}

const runs = Number(process.argv[2] ?? DEFAULT_RUNS);
const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-'));
try {
  using programs = await OriginalPrograms.compile();
  const approaches = [original(programs), ours('classic'), ours('sealed', folder)];
  for (const start of STARTS) {
    await compare(approaches, start, runs);
  }
} finally {
  await rm(folder, { recursive: true });
}
