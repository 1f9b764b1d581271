import { type Measure, timesAsFast, typical } from '../measure.js';
import { drive, type LoadResult } from './load.js';
import { type Subject, startEcho, startOriginal, startOurs } from './subject.js';
import type { Tools } from './tools.js';

/** The original forgets all but the last 65 536 keys. */
const ORIGINAL_MAX_KEYS = 65_536;

/** Registering 60 000 keys takes the original about 10 s. */
const REGISTER_SECONDS = 120;

/** V8 has compiled the path of a request after a second of it. */
const WARM_UP_SECONDS = 1;

/** How often a slice is repeated that a stall of the machine has spoilt. */
const MAX_REPEATS = 3;

/** A kind of request. */
export interface Questions {
  readonly keys: number;
  readonly mode: 'hits' | 'misses';
}

export interface Case extends Questions {
  /** Ratios to reach. */
  readonly target: { readonly original?: number; readonly limit: number };
}

export interface CaseResult extends Case {
  readonly ours: Measure;
  readonly limit: Measure;
  readonly original: Measure | undefined;
  /** Slices of ours that were measured again because answers were lost or wrong. */
  readonly oursRepeated: number;
  readonly oursToLimit: number;
  readonly oursToOriginal: number | undefined;
}

/** How a server is measured: in turns with the others, so many times for so long. */
export interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
}

export interface Contender {
  readonly server: Subject;
  /** It is not a rendezvous server: every answer counts as right. */
  readonly anyReply: boolean;
  readonly slices: Measure[];
  repeated: number;
  /** What goes on beside each of its slices. */
  beside?: () => Promise<void>;
}

/** Measures all servers in one case, in short turns. */
export async function measureCase(tools: Tools, it: Case, rounds: Rounds): Promise<CaseResult> {
  await using limit = await startEcho(tools);
  // Room to spare: near its bound the table refuses new keys of heavy sources, which is not the case here.
  await using ours = await startOurs(Math.max(4 * it.keys, 65_536));
  await using original = it.keys < ORIGINAL_MAX_KEYS ? await startOriginal(tools) : undefined;
  const contenders = {
    limit: contender(limit, true),
    ours: contender(ours, false),
    original: original === undefined ? undefined : contender(original, false),
  };
  const all = Object.values(contenders).filter((one) => one !== undefined);
  await takeTurns(tools, all, it, rounds);
  return { ...it, ...compare(contenders) };
}

/** Measures each in short turns, after it was warmed up. */
export async function takeTurns(
  tools: Tools,
  all: readonly Contender[],
  it: Questions,
  { rounds, seconds }: Rounds,
): Promise<void> {
  for (const { server, anyReply } of all) {
    if (!anyReply) {
      await register(tools, server, it.keys);
    }
    await drive(tools.load, server.port, { ...it, anyReply, seconds: WARM_UP_SECONDS });
  }
  for (let round = 0; round < rounds; round++) {
    // Each goes first in turn.
    for (let i = 0; i < all.length; i++) {
      const one = all[(round + i) % all.length]!;
      one.slices.push(await measureSlice(tools, one, it, seconds));
    }
  }
}

export function contender(server: Subject, anyReply: boolean): Contender {
  return { server, anyReply, slices: [], repeated: 0 };
}

function compare({
  limit,
  ours,
  original,
}: Record<'limit' | 'ours', Contender> & { original: Contender | undefined }) {
  return {
    ours: typical(ours.slices),
    limit: typical(limit.slices),
    original: original && typical(original.slices),
    oursRepeated: ours.repeated,
    oursToLimit: timesAsFast(ours.slices, limit.slices),
    oursToOriginal: original && timesAsFast(ours.slices, original.slices),
  };
}

/** Registers all keys; throws when the server does not take them. */
export async function register(tools: Tools, server: Subject, keys: number): Promise<void> {
  const load = { mode: 'register', keys, seconds: REGISTER_SECONDS } as const;
  const { finished } = await drive(tools.load, server.port, load);
  if (!finished) {
    throw new Error(`${keys} keys could not be registered in ${REGISTER_SECONDS} s`);
  }
}

async function measureSlice(
  tools: Tools,
  contender: Contender,
  { keys, mode }: Questions,
  seconds: number,
): Promise<Measure> {
  const { server, anyReply } = contender;
  for (let repeats = 0; ; repeats++) {
    const before = server.cpuSeconds();
    const [result] = await Promise.all([
      drive(tools.load, server.port, { mode, keys, seconds, anyReply }),
      contender.beside?.(),
    ]);
    const cpuSeconds = server.cpuSeconds() - before;
    const { perSecond, known, unknown } = result;
    if (result.lost === 0 && (anyReply || isRight(result, mode))) {
      return { perSecond, cpuUsPerRequest: (cpuSeconds / (known + unknown)) * 1e6 };
    }
    // A fast wrong answer is no answer, but what was lost while the machine stood still, be it a
    // registration, says nothing about the server.
    if (repeats === MAX_REPEATS) {
      throw new Error(`wrong answers in ${mode}, again and again: ${JSON.stringify(result)}`);
    }
    process.stderr.write(`  disturbed, measured again: ${JSON.stringify(result)}\n`);
    contender.repeated++;
    if (!anyReply) {
      await register(tools, server, keys);
    }
  }
}

function isRight({ known, unknown, wrong }: LoadResult, mode: Case['mode']): boolean {
  return wrong === 0 && (mode === 'hits' ? unknown : known) === 0;
}
