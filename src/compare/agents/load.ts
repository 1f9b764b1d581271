import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { generateKeyPair } from '../../sealed/key-pair.js';
import { parsePublicKey } from '../../wire/key.js';
import type { AgentChannel } from './channel.js';
import { type LoadScript, RepeatedScript } from './load-script.js';
import { LoadSource } from './load-source.js';
import { SealedScript } from './sealed-load-script.js';

/** Loads a server on 127.0.0.1 as fast as it answers. */
export interface LoadJob {
  readonly port: number;
  readonly seconds: number;
  /** The server's process. */
  readonly serverPid: number;
  readonly script: RepeatedRequests | SealedRequests;
}

/** Datagrams in base64; each source sends its share of them in a loop. */
export interface RepeatedRequests {
  readonly requests: readonly string[];
}

/** Peers of the sealed protocol, in pairs that want each other. */
export interface SealedRequests {
  /** Base64. */
  readonly serverKey: string;
  readonly peers: number;
}

export interface LoadReport {
  /** In the best half second. */
  readonly perSecond: number;
  /** Of the server, for each answer, over the whole time. */
  readonly processorMicroseconds: number;
  /** The number of answers by length in bytes. */
  readonly lengths: Readonly<Record<string, number>>;
  /** One answer: base64 of it for repeated requests, the endpoint in it for sealed ones. */
  readonly sample: string | null;
}

/** Several, because servers limit the rate of each source. */
const SOURCES = 16;
const WINDOW_MS = 500;
const WARM_UP_MS = 500;
const WARM_UP_TIMEOUT_MS = 90_000;
/** A source without an answer for this long restarts: its requests are taken for lost. */
const STALLED_MS = 250;
/** USER_HZ of /proc/PID/stat on Linux. */
const TICKS_PER_SECOND = 100;

/**
 * Measures how many requests a second a server answers. The loop is closed: each answer triggers the
 * next request of its source. A warm-up sends every request once first.
 */
export async function load(job: LoadJob, { report }: AgentChannel): Promise<void> {
  const scripts =
    'requests' in job.script ? repeatedScripts(job.script) : sealedScripts(job.script);
  const sources = await Promise.all(
    scripts.map((script, number) => LoadSource.open(`127.0.0.${2 + number}`, job.port, script)),
  );
  const guard = setInterval(() => {
    for (const source of sources) {
      source.restartIfStalled();
    }
  }, STALLED_MS);
  await warmUp(sources);
  const before = { answered: sum(sources), seconds: processorSeconds(job.serverPid) };
  const perSecond = await bestRate(sources, job.seconds * 1000);
  const used = processorSeconds(job.serverPid) - before.seconds;
  const processorMicroseconds = (used / (sum(sources) - before.answered)) * 1e6;
  clearInterval(guard);
  report({ perSecond, processorMicroseconds, ...answersOf(sources) } satisfies LoadReport);
  await Promise.all(sources.map((source) => source.close()));
}

function repeatedScripts({ requests }: RepeatedRequests): LoadScript[] {
  return Array.from({ length: SOURCES }, (_, number) => {
    const own = requests.filter((_, index) => index % SOURCES === number);
    const texts = own.length > 0 ? own : requests;
    return new RepeatedScript(texts.map((text) => Buffer.from(text, 'base64')));
  });
}

function sealedScripts({ serverKey, peers }: SealedRequests): LoadScript[] {
  const key = parsePublicKey(serverKey);
  const pairs = Array.from({ length: peers }, generateKeyPair);
  const everybody = pairs.map((keys, index) => ({
    keys,
    wanted: (pairs[index ^ 1] ?? keys).publicKey,
  }));
  return Array.from({ length: Math.min(SOURCES, peers) }, (_, number) => {
    return new SealedScript(
      key,
      everybody.filter((_, index) => index % SOURCES === number),
    );
  });
}

function sum(sources: readonly LoadSource[]): number {
  return sources.reduce((total, { answered }) => total + answered, 0);
}

/** The highest rate of any half second: the one that other load on the machine disturbed least. */
async function bestRate(sources: readonly LoadSource[], forMs: number): Promise<number> {
  let best = 0;
  let before = { answered: sum(sources), at: performance.now() };
  const end = before.at + forMs;
  while (before.at < end) {
    await delay(WINDOW_MS);
    const now = { answered: sum(sources), at: performance.now() };
    best = Math.max(best, ((now.answered - before.answered) / (now.at - before.at)) * 1000);
    before = now;
  }
  return best;
}

async function warmUp(sources: readonly LoadSource[]): Promise<void> {
  for (const source of sources) {
    source.fill();
  }
  const deadline = performance.now() + WARM_UP_TIMEOUT_MS;
  while (!sources.every(({ script }) => script.ready)) {
    if (performance.now() > deadline) {
      throw new Error(`not ready after ${sum(sources)} answers`);
    }
    await delay(10);
  }
  await delay(WARM_UP_MS);
  for (const source of sources) {
    source.fill();
    source.forgetAnswers();
  }
}

function answersOf(sources: readonly LoadSource[]): Pick<LoadReport, 'lengths' | 'sample'> {
  const lengths: Record<string, number> = {};
  for (const [length, count] of sources.flatMap((source) => [...source.lengths])) {
    lengths[length] = (lengths[length] ?? 0) + count;
  }
  const source = sources.find(({ sample }) => sample !== undefined);
  const sample = source?.sample && source.script.explain(source.sample);
  return { lengths, sample: sample ?? null };
}

/** Seconds of processor time that a process has used, including its children that have ended. */
function processorSeconds(pid: number): number {
  // proc(5): utime, stime, cutime, cstime are fields 14 to 17, counted after the name in brackets.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}
