import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Endpoint, endpoint, formatEndpoint } from '../../src/wire/endpoint.js';

const run = promisify(execFile);

/** What to send; see native/load.cc. */
export interface Load {
  readonly mode: 'register' | 'hits' | 'misses' | 'fresh' | 'malformed';
  readonly keys: number;
  readonly seconds: number;
  /** Requests per second; absent: as many as are answered. */
  readonly rate?: number;
  /** As fast as the kernel takes them, without waiting for answers. @default false */
  readonly flood?: boolean;
  /** Addresses to send from. @default 64 */
  readonly sources?: number;
  /** The first of them. @default 127.0.1.1 */
  readonly firstSource?: string;
  /** It is not a rendezvous server: every answer counts as right. */
  readonly anyReply?: boolean;
}

/** The result of a run. */
export interface LoadResult {
  readonly seconds: number;
  /** Answers per second. */
  readonly perSecond: number;
  readonly sent: number;
  /** Answers with the endpoint of the key asked for, empty answers, and wrong ones. */
  readonly known: number;
  readonly unknown: number;
  readonly wrong: number;
  /** Requests without an answer. */
  readonly lost: number;
  /** In mode register: whether all keys were registered in time. */
  readonly finished: boolean;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

/** Time for the process to start and to report. */
const MARGIN_MS = 10_000;

/** Drives a server on 127.0.0.1 with the load generator. */
export async function drive(program: string, port: number, load: Load): Promise<LoadResult> {
  const args = loadArguments(endpoint('127.0.0.1', port), load);
  const { stdout } = await run(program, args, { timeout: load.seconds * 1000 + MARGIN_MS });
  return JSON.parse(stdout) as LoadResult;
}

/** The load generator's arguments. */
export function loadArguments(server: Endpoint, load: Load): string[] {
  const { mode, keys, seconds, rate, sources, firstSource } = load;
  const values = {
    server: formatEndpoint(server),
    mode,
    keys,
    seconds,
    rate: rate && Math.round(rate),
    sources,
    'first-source': firstSource,
  };
  const flags = { flood: load.flood, 'any-reply': load.anyReply };
  return [
    ...Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    ),
    ...Object.entries(flags).flatMap(([name, given]) => (given === true ? [`--${name}`] : [])),
  ];
}
