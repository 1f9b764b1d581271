import { spawn } from 'node:child_process';

/** What a finished command left behind. */
export interface CommandResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface CommandOptions {
  /** Bytes for its stdin. @default empty */
  readonly input?: string;
  /** An open file to be its stdin, instead of `input`. */
  readonly stdinFd?: number;
  /** The command is killed after this time. @default 15 000 */
  readonly timeoutMs?: number;
}

/** A command that could not be started, took too long, or (in `run`) ended with another code than 0. */
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

/** Runs a command to its end, whatever its exit code. Rejects when it cannot start or takes too long. */
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
  // A command that ends without reading its stdin makes the write fail: its exit code tells the story.
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
      throw new CommandError(`${format(file, args)}: not done after ${timeoutMs} ms`, {
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

/** Runs a command and gives its stdout. Rejects with what it said on stderr when it fails. */
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
