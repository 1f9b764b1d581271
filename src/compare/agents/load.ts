import { setTimeout as delay } from 'node:timers/promises';
import { generateKeyPair } from '../../sealed/key-pair.js';
import { parsePublicKey } from '../../wire/key.js';
import type { AgentChannel } from './agent.js';
import { LoadSource } from './load-source.js';
import { processorSeconds } from './processor-time.js';
import { SealedTalk } from './sealed-talk.js';
import { RepeatedTalk, type Talk } from './talk.js';

/** Asks a server on 127.0.0.1 as fast as it answers. */
export interface LoadJob {
  readonly port: number;
  readonly seconds: number;
  /** The process that answers. */
  readonly serverPid: number;
  readonly talk: RepeatedRequests | SealedRequests;
}

/** Datagrams in base64; each source sends its share of them, over and over. */
export interface RepeatedRequests {
  readonly requests: readonly string[];
}

/** Peers of the sealed protocol, two by two mutual, that ask for each other. */
export interface SealedRequests {
  /** Base64. */
  readonly serverKey: string;
  readonly peers: number;
}

export interface LoadReport {
  /** In the best half second. */
  readonly perSecond: number;
  /** Of the server for each answer, over the whole time. */
  readonly processorMicroseconds: number;
  /** How many answers had so many bytes. */
  readonly lengths: Readonly<Record<string, number>>;
  /** What one answer says: base64 of a repeated request's, an endpoint of a sealed one's. */
  readonly sample: string | null;
}

/** Several, as servers limit what one source may ask for. */
const SOURCES = 16;
const WINDOW_MS = 500;
const WARM_UP_MS = 500;
const WARM_UP_TIMEOUT_MS = 90_000;
/** After so long without an answer, what is on its way is taken for lost. */
const STALLED_MS = 250;

/**
 * Measures how many requests a second are answered. The loop is closed: each source sends its next
 * request in place of an answer. First every request is sent once, and the server gets warm.
 */
export async function load(job: LoadJob, { say }: AgentChannel): Promise<void> {
  const talks = 'requests' in job.talk ? repeatedTalks(job.talk) : sealedTalks(job.talk);
  const sources = await Promise.all(
    talks.map((talk, number) => LoadSource.open(`127.0.0.${2 + number}`, job.port, talk)),
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
  say({ perSecond, processorMicroseconds, ...answersOf(sources) } satisfies LoadReport);
  await Promise.all(sources.map((source) => source.close()));
}

function repeatedTalks({ requests }: RepeatedRequests): Talk[] {
  return Array.from({ length: SOURCES }, (_, number) => {
    const own = requests.filter((_, index) => index % SOURCES === number);
    const texts = own.length > 0 ? own : requests;
    return new RepeatedTalk(texts.map((text) => Buffer.from(text, 'base64')));
  });
}

function sealedTalks({ serverKey, peers }: SealedRequests): Talk[] {
  const key = parsePublicKey(serverKey);
  const pairs = Array.from({ length: peers }, generateKeyPair);
  const everybody = pairs.map((keys, index) => ({
    keys,
    wanted: (pairs[index ^ 1] ?? keys).publicKey,
  }));
  return Array.from({ length: Math.min(SOURCES, peers) }, (_, number) => {
    return new SealedTalk(
      key,
      everybody.filter((_, index) => index % SOURCES === number),
    );
  });
}

function sum(sources: readonly LoadSource[]): number {
  return sources.reduce((total, { answered }) => total + answered, 0);
}

/** The most that was answered in any half second, as a rate: what else the machine does counts least so. */
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
  while (!sources.every(({ talk }) => talk.ready)) {
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
  const sample = source?.sample && source.talk.explain(source.sample);
  return { lengths, sample: sample ?? null };
}
