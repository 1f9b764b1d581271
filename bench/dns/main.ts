/**
 * How many queries a second the registry answers with few peers and with many, each with a real WireGuard
 * interface that it reads once a second:
 *   node dist/bench/dns/main.js [--quick] [--json FILE]
 * As root: it makes network namespaces. Prints a table, and one line of JSON unless it goes to a file.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLab, type LabHost, type LabProcess } from '../../src/lab/index.js';
import { instanceLabel, instanceName, serviceName } from '../../src/wire/dns-sd.js';
import { formatPublicKey } from '../../src/wire/key.js';
import { readFlags } from '../flags.js';
import { type Measure, timesAsFast, typical } from '../measure.js';
import { cpuSeconds } from '../server/subject.js';
import { compileProgram } from '../server/tools.js';
import { type Peers, somePeers, writeQueries } from './peers.js';

const PROGRAM = fileURLToPath(new URL('../../bin/wg-rendezvous.js', import.meta.url));
const SOURCE = fileURLToPath(new URL('../../../bench/dns/native/dns-load.cc', import.meta.url));
const ZONE = 'example.com';
const PORT = 5353;
const LOAD_MARGIN_MS = 20_000;
/** In random order, so many for each peer leave hardly one out. */
const WARM_UP_QUERIES = 8;

/** The targets: queries a second, and how far the others may be from the fastest. */
const LEAST_PER_SECOND = 20_000;
const LARGEST_SPREAD = 0.2;

const HOSTS = { few: 10, some: 1000, many: 10_000 } as const;
type Name = keyof typeof HOSTS;

interface Subject {
  readonly host: LabHost;
  readonly server: LabProcess;
  readonly peers: Peers;
}

interface Row extends Measure {
  readonly question: string;
  readonly peers: number;
  /** To the one with the fewest peers. */
  readonly ratio: number;
}

const flags = readFlags({
  quick: { type: 'boolean', default: false },
  json: { type: 'string' },
});
const rounds = flags.quick ? 4 : 25;
const seconds = 1;

const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-bench-'));
try {
  await compileProgram('g++', SOURCE, join(folder, 'dns-load'));
  await using lab = await createLab({ hosts: { few: {}, some: {}, many: {} }, peers: false });
  const subjects: Subject[] = [];
  for (const [name, count] of Object.entries(HOSTS)) {
    subjects.push(await start(lab.host(name as Name), somePeers(count)));
  }
  const rows = [
    ...(await measureAll(subjects, 'SRV of a peer', 'SRV')),
    ...(await measureAll(subjects, 'PTR of all', 'PTR')),
  ];
  process.stdout.write(format(rows));
  const json = `${JSON.stringify({ rows })}\n`;
  await (flags.json === undefined ? process.stdout.write(json) : writeFile(flags.json, json));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function start(host: LabHost, peers: Peers): Promise<Subject> {
  process.stderr.write(`${peers.length} peers …\n`);
  for (let at = 0; at < peers.length; at += 1000) {
    await host.wireguard.setPeers(
      peers.slice(at, at + 1000).map(({ key, endpoint, allowedIp }) => ({
        publicKey: formatPublicKey(key),
        endpoint,
        allowedIps: [allowedIp],
      })),
    );
  }
  const args = ['dns', 'server', '--zone', ZONE, '--interface', host.wireguard.interface];
  args.push('--listen', `127.0.0.1:${PORT}`, '--source-rate', '0');
  args.push('--public', '--reply-rate', '0');
  const server = host.spawn(process.execPath, [PROGRAM, ...args]);
  await server.waitForOutput(/listening on/);
  return { host, server, peers };
}

/** All in turns, so that what else the machine does hits them alike. */
async function measureAll(
  subjects: readonly Subject[],
  question: string,
  type: 'SRV' | 'PTR',
): Promise<Row[]> {
  process.stderr.write(`${question}: warming up …\n`);
  for (const subject of subjects) {
    await warmUp(subject, type);
  }
  const runs = subjects.map(() => [] as Measure[]);
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`${question}, round ${round} of ${rounds} …\n`);
    for (const [i, subject] of subjects.entries()) {
      runs[i]?.push(await measureOne(subject, type));
    }
  }
  return runs.map((slices, i) => ({
    question,
    peers: subjects[i]?.peers.length ?? 0,
    ...typical(slices),
    ratio: timesAsFast(slices, runs[0] ?? []),
  }));
}

/** Until all peers were looked up, and V8 has compiled the path of a query. */
async function warmUp(subject: Subject, type: 'SRV' | 'PTR'): Promise<void> {
  let asked = 0;
  while (asked < WARM_UP_QUERIES * subject.peers.length) {
    asked += (await measureOne(subject, type)).answered;
  }
}

async function measureOne(
  { host, server, peers }: Subject,
  type: 'SRV' | 'PTR',
): Promise<Measure & { readonly answered: number }> {
  const file = join(folder, `${host.name}-${type}`);
  const names =
    type === 'PTR'
      ? [serviceName(ZONE)]
      : peers.map(({ key }) => instanceName(instanceLabel(key), ZONE));
  await writeQueries(file, names, type);
  const pid = server.pid as number;
  const before = cpuSeconds(pid);
  const args = ['127.0.0.1', String(PORT), file, String(seconds)];
  const timeoutMs = seconds * 1000 + LOAD_MARGIN_MS;
  const text = await host.exec(join(folder, 'dns-load'), args, { timeoutMs });
  const result = JSON.parse(text) as { perSecond: number; answered: number } & Record<
    'wrong' | 'lost',
    number
  >;
  // A fast wrong answer is no answer.
  if (result.wrong > 0 || result.lost > result.answered / 1000) {
    throw new Error(`wrong or lost answers: ${text}`);
  }
  const cpuUsPerRequest = ((cpuSeconds(pid) - before) / result.answered) * 1e6;
  return { perSecond: result.perSecond, cpuUsPerRequest, answered: result.answered };
}

function format(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ question, peers, perSecond, cpuUsPerRequest, ratio }) =>
      `${question.padEnd(14)} ${String(peers).padStart(6)} ${perSecond.toFixed(0).padStart(10)} ` +
      `${cpuUsPerRequest.toFixed(1).padStart(8)} ${ratio.toFixed(2).padStart(9)}`,
  );
  const rates = rows.filter(({ question }) => question.startsWith('SRV')).map((it) => it.perSecond);
  const slowest = Math.min(...rates);
  const spread = 1 - slowest / Math.max(...rates);
  const verdict = slowest >= LEAST_PER_SECOND && spread <= LARGEST_SPREAD ? 'reached' : 'MISSED';
  return [
    'question        peers  queries/s  us each  to fewest',
    ...lines,
    `SRV: at least ${slowest.toFixed(0)}/s (target ${LEAST_PER_SECOND}), within ${(spread * 100).toFixed(0)} % (target ${LARGEST_SPREAD * 100} %): ${verdict}`,
    '',
  ].join('\n');
}
