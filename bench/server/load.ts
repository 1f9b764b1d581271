import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What to send; see native/load.cc. */
export interface Load {
  readonly mode: 'register' | 'hits' | 'misses' | 'fresh';
  readonly keys: number;
  readonly seconds: number;
  /** Requests per second; absent: as many as are answered. */
  readonly rate?: number;
  /** The server is no rendezvous: whatever it answers is right. */
  readonly anyReply?: boolean;
}

/** What came of it. */
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
  const args = ['--server', `127.0.0.1:${port}`, '--mode', load.mode];
  args.push('--keys', String(load.keys), '--seconds', String(load.seconds));
  if (load.rate !== undefined) {
    args.push('--rate', String(Math.round(load.rate)));
  }
  if (load.anyReply === true) {
    args.push('--any-reply');
  }
  const { stdout } = await run(program, args, { timeout: load.seconds * 1000 + MARGIN_MS });
  return JSON.parse(stdout) as LoadResult;
}
