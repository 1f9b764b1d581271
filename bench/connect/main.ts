/**
 * Time from the start of both clients to the first answered ping, behind two cone NATs: the original pair
 * with its server, and ours with ours, in turn. Prints each run, the medians and their ratio.
 * Run as root: node dist/bench/connect/main.js [RUNS]
 */
import { fileURLToPath } from 'node:url';
import { createLab, type Lab, type LabProcess, until } from '../../src/compare/lab/index.js';
import { OriginalPrograms } from '../../src/compare/original-programs.js';

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

type Hosts = 'a' | 'b';
interface Approach {
  readonly name: 'original' | 'ours';
  startServer(lab: Lab<Hosts>): Promise<unknown>;
  startClient(lab: Lab<Hosts>, host: Hosts): LabProcess;
}

function approaches(programs: OriginalPrograms): Approach[] {
  return [
    {
      name: 'original',
      startServer: ({ rendezvous }) => programs.startServer(rendezvous),
      startClient: (lab, host) => programs.startClient(lab.host(host), lab.rendezvous.address),
    },
    {
      name: 'ours',
      startServer: ({ rendezvous }) =>
        rendezvous
          .spawn(process.execPath, [MAIN, 'server'], ENVIRONMENT)
          .waitForOutput(/listening on \[/),
      startClient(lab, host) {
        const { interface: name } = lab.host(host).wireguard;
        const args = [MAIN, 'client', name, lab.rendezvous.address];
        return lab.host(host).spawn(process.execPath, args, ENVIRONMENT);
      },
    },
  ];
}

/**
 * Milliseconds from the start of the clients to the first answered ping. The ping is sent once there is a
 * handshake: an earlier one would make wireguard-go try without an endpoint, and then wait for 5 s.
 */
async function connect(approach: Approach): Promise<number> {
  await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } } });
  await approach.startServer(lab);
  const begin = performance.now();
  approach.startClient(lab, 'a');
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

const runs = Number(process.argv[2] ?? DEFAULT_RUNS);
const times = { original: [] as number[], ours: [] as number[] };
{
  using programs = await OriginalPrograms.compile();
  for (let run = 1; run <= runs; run++) {
    for (const approach of approaches(programs)) {
      const ms = await connect(approach);
      times[approach.name].push(ms);
      console.log(`run ${run}: ${approach.name.padEnd(8)} ${ms.toFixed(0).padStart(6)} ms`);
    }
  }
}
const [original, ours] = [median(times.original), median(times.ours)];
console.log(`median: original ${original.toFixed(0)} ms, ours ${ours.toFixed(0)} ms`);
console.log(`ratio ours / original: ${(ours / original).toFixed(3)}`);
