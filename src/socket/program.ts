import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { addonProblem, loadBinding } from './binding.js';

/** What is kept of the messages of a program. */
const MAX_MESSAGE_BYTES = 64 * 1024;

export interface ProgramOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** What the program reads from stdin; no secret, for copies stay in memory. @default nothing */
  readonly input?: string;
  /** They become 3, 4, … of the program; the caller closes its own afterwards. @default none */
  readonly descriptors?: readonly number[];
  /** A program that prints more to stdout is killed, and ends by SIGKILL. */
  readonly maxBytes: number;
  /** A program that takes longer is killed. */
  readonly timeoutMs: number;
}

/** How a program ended: by a code or a signal; both are null if something else has waited for it. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was killed for taking too long. */
  readonly isLate: boolean;
  /** The only copy that this program keeps, which the caller overwrites if it holds secrets. */
  readonly stdout: Buffer;
  /** The first 64 KiB. */
  readonly stderr: Buffer;
}

/** A program that is running. */
export interface Program {
  /** Rejects with the system's error if the program could not be started: also for want of descriptors. */
  readonly end: Promise<ProgramEnd>;
  /** Sends SIGKILL. Does not wait for children of the program that hold its output open. */
  kill(): void;
}

/**
 * Starts a program in the folder `/`, without a shell. By the addon where it can be used:
 * spawn() of Node copies this process, which takes milliseconds, and more for each page written afterwards.
 * @param file an absolute path
 */
export function startProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
): Program {
  const start = addonProblem() === undefined ? startByAddon : startByNode;
  const { end, kill } = start(file, args, options);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, options.timeoutMs);
  return {
    end: end.then((ended) => ({ ...ended, isLate })).finally(() => clearTimeout(timer)),
    kill,
  };
}

type Ended = Omit<ProgramEnd, 'isLate'>;

/** Starts a program that has no time limit yet. */
export type Starter = (
  file: string,
  args: readonly string[],
  options: ProgramOptions,
) => { readonly end: Promise<Ended>; readonly kill: () => void };

/** Where the addon can be used. */
export const startByAddon: Starter = (
  file,
  args,
  { environment, input = '', descriptors = [], maxBytes },
) => {
  let kill = () => {};
  const end = new Promise<Ended>((resolve) => {
    const started = {
      file,
      args,
      environment: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      input,
      descriptors,
      maxBytes,
    };
    kill = loadBinding().runProgram(started, (code, signal, stdout, stderr) =>
      resolve({ code, signal: signalName(signal), stdout, stderr }),
    );
  });
  return { end, kill };
};

function signalName(number: number | null): NodeJS.Signals | null {
  if (number === null) {
    return null;
  }
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return (found?.[0] as NodeJS.Signals | undefined) ?? null;
}

/** On any host. */
export const startByNode: Starter = (
  file,
  args,
  { environment, input = '', descriptors = [], maxBytes },
) => {
  const child: ChildProcess = spawn(file, args, {
    env: environment,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
  });
  // If it ends without reading its stdin, the write fails. The exit code is what counts.
  child.stdin?.on('error', () => {}).end(input);
  const kill = () => {
    child.kill('SIGKILL');
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  let isTooMuch = false;
  const end = new Promise<Ended>((resolve, reject) => {
    const stdout = collect(child.stdout, maxBytes, () => {
      isTooMuch = true;
      kill();
    });
    const stderr = collect(child.stderr, MAX_MESSAGE_BYTES);
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({
        ...(isTooMuch ? { code: null, signal: 'SIGKILL' } : { code, signal }),
        stdout: stdout(),
        stderr: stderr(),
      }),
    );
  });
  return { end, kill };
};

/**
 * Collects a stream; the result takes its chunks as one buffer and overwrites them. What is too much is
 * discarded.
 */
function collect(
  stream: NodeJS.ReadableStream | null,
  maxBytes: number,
  tooMuch: () => void = () => {},
): () => Buffer {
  let chunks: Buffer[] = [];
  let bytes = 0;
  stream?.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, maxBytes - bytes);
    chunks.push(kept);
    bytes += kept.length;
    if (kept.length < chunk.length) {
      chunk.fill(0, kept.length);
      tooMuch();
    }
  });
  return () => {
    const whole = Buffer.concat(chunks);
    for (const chunk of chunks) {
      chunk.fill(0);
    }
    chunks = [];
    return whole;
  };
}
