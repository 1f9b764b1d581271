import { spawn } from 'node:child_process';

/** The result of a finished command. */
export interface CommandResult {
  /** The exit code; null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of a command. */
export interface CommandOptions {
  /** Its stdin. @default empty */
  readonly input?: string;
  /** An open file for its stdin, instead of `input`. */
  readonly stdinFd?: number;
  /** Kills the command after this time. @default 15 000 */
  readonly timeoutMs?: number;
}

/** A command did not start, took too long, or (in `run`) ended with an exit code other than 0. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: number | null;
  readonly stderr: string;

  constructor(message: string, result: CommandResult, options?: ErrorOptions) {
    super(message, options);
    this.code = result.code;
    this.stderr = result.stderr;
  }
}

const TIMEOUT_MS = 15_000;
const MAX_OUTPUT_CHARACTERS = 4_000_000;

/** Runs a command to its end, with any exit code. Rejects if it cannot start or takes too long. */
export async function outcome(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input = '', stdinFd, timeoutMs = TIMEOUT_MS } = options;
  const child = spawn(file, args, { stdio: [stdinFd ?? 'pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let late = false;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-MAX_OUTPUT_CHARACTERS);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_OUTPUT_CHARACTERS);
  });
  // If a command ends without reading its stdin, the write fails. The exit code is what counts.
  child.stdin?.on('error', () => {}).end(input);
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    if (late) {
      throw new CommandError(`${format(file, args)}: killed after ${timeoutMs} ms`, {
        code,
        stdout,
        stderr,
      });
    }
    return { code, stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command and returns its stdout. Rejects with its stderr if it fails. */
export async function run(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await outcome(file, args, options);
  if (result.code !== 0) {
    const said = result.stderr.trim() || result.stdout.trim() || 'no message';
    throw new CommandError(`${format(file, args)}: exit code ${result.code}: ${said}`, result);
  }
  return result.stdout;
}

function format(file: string, args: readonly string[]): string {
  return [file, ...args].join(' ');
}
