import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../../src/compare/measure/statistics.js';
import { Crowds } from './crowds.js';
import { sharedNow } from './generator.js';
import { type Server, startServer } from './servers.js';
import { type Spread, spreadOf } from './spread.js';

/** Answers that are asked for while the clients return; the same before, for as long. */
const ASKS_PER_SECOND = 100;
const LIMIT_SECONDS = 200;
const STEP_MS = 5000;
const DIFFIE_HELLMAN_PER_HANDSHAKE = 4;

export interface RestartOptions {
  readonly folder: string;
  readonly clients: number;
  readonly pingMs: number;
  readonly restSeconds: number;
  /** Where V8 writes a CPU profile of each run of the server; undefined for none. */
  readonly profile: string | undefined;
  /** Gets a line on the state from time to time. */
  readonly onProgress: (line: string) => void;
}

export interface RestartResult {
  readonly clients: number;
  readonly joinSeconds: number;
  /** Of those that never came back. */
  readonly missing: number;
  /** Seconds from the signal that ended the server until so many of the clients had an answer of the new one. */
  readonly half: number;
  readonly most: number;
  readonly all: number;
  /** Answers to clients with a session: before the restart, and until all were back. */
  readonly rest: Spread;
  readonly meanwhile: Spread;
  readonly unanswered: number;
  /** What a returning client takes of the server, with its peers' updates. */
  readonly cpuMsPerClient: number;
  /** The part of the time for which the server had to wait for a processor, and for which the clients used one. */
  readonly waitedShare: number;
  readonly generatorShare: number;
  readonly handshakes: number;
  readonly deferred: number;
  readonly serverBytes: number;
}

/** One server that ends and begins again under all clients. */
export async function measureRestart(options: RestartOptions): Promise<RestartResult> {
  const { folder, clients, profile } = options;
  let server = await startServer(folder, 0, clients, [], profile);
  const { port } = server;
  const again = async (): Promise<Server> => {
    await server[Symbol.asyncDispose]();
    server = await startServer(folder, port, clients, [], profile);
    return server;
  };
  try {
    return await measure(options, server, again);
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function measure(
  { clients, pingMs, restSeconds, onProgress }: RestartOptions,
  first: Server,
  again: () => Promise<Server>,
): Promise<RestartResult> {
  await using crowds = await Crowds.open([first], { clients, pingMs, holds: false });
  const { size, watched } = crowds;
  const emptyBytes = first.residentBytes();
  const beganAt = sharedNow();
  await crowds.join();
  const joinSeconds = (sharedNow() - beganAt) / 1000;
  onProgress(`${size} clients joined in ${joinSeconds.toFixed(0)} s`);
  await delay(pingMs);
  const serverBytes = (first.residentBytes() - emptyBytes) / size;
  await watched.ask(ASKS_PER_SECOND, restSeconds);
  await delay(restSeconds * 1000);
  const rest = spreadOf((await watched.answers()).tookMs);

  const endedAt = sharedNow();
  const generatorCpu = crowds.cpuSeconds();
  const restarting = again();
  await crowds.forget();
  const server = await restarting;
  await watched.ask(ASKS_PER_SECOND, LIMIT_SECONDS);
  const answers: number[] = [];
  let back: number[] = [];
  while (back.length < size && sharedNow() - endedAt < LIMIT_SECONDS * 1000) {
    await delay(Math.min(STEP_MS, pingMs));
    back = await crowds.back();
    const { tookMs } = await watched.answers();
    answers.push(...tookMs);
    const part = spreadOf(tookMs);
    onProgress(
      `${((sharedNow() - endedAt) / 1000).toFixed(0)} s: ${back.length} back, p99 ${part.p99Ms.toFixed(1)} ms of ${part.count}`,
    );
  }
  const cpuMs = server.cpuSeconds() * 1000;
  const tookSeconds = (sharedNow() - endedAt) / 1000;
  const waitedShare = server.waitedSeconds() / tookSeconds;
  const generatorShare = (crowds.cpuSeconds() - generatorCpu) / tookSeconds;
  const metrics = await server.metrics();
  const { tookMs, awaited } = await watched.answers();
  answers.push(...tookMs);
  const missing = size - back.length;
  back.push(...Array<number>(missing).fill(Number.POSITIVE_INFINITY));
  const seconds = (share: number) => (percentile(back, share) - endedAt) / 1000;
  return {
    clients: size,
    joinSeconds,
    missing,
    half: seconds(0.5),
    most: seconds(0.99),
    all: seconds(1),
    rest,
    meanwhile: spreadOf(answers),
    unanswered: awaited,
    cpuMsPerClient: cpuMs / (size - missing),
    waitedShare,
    generatorShare,
    handshakes: (metrics.get('sealed_diffie_hellman_total') ?? 0) / DIFFIE_HELLMAN_PER_HANDSHAKE,
    deferred: metrics.get('sealed_handshakes_total{outcome="no_time"}') ?? 0,
    serverBytes,
  };
}
