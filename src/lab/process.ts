import { type ChildProcess, spawn } from 'node:child_process';
import { type DeadlineOptions, until } from './deadline.js';

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The bound of the output that is kept, for each stream. */
const MAX_KEPT_CHARACTERS = 1_000_000;
const STOP_TIMEOUT_MS = 2_000;

/** A program that runs in the background until it ends, is stopped, or its lab is disposed. */
export class LabProcess implements AsyncDisposable {
  readonly command: string;
  /** Resolves when the process has ended. */
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #exit: ProcessExit | undefined;

  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.command = [file, ...args].join(' ');
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-MAX_KEPT_CHARACTERS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_KEPT_CHARACTERS);
    });
    child.stdin.on('error', () => {});
    this.exited = new Promise((resolve) => {
      const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      };
      child.once('close', settle);
      child.once('error', (error) => {
        this.#stderr += error.message;
        settle(null, null);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The newest part of its stdout that was not taken, up to a million characters. */
  get stdout(): string {
    return this.#stdout;
  }

  /** The newest part of its stderr, up to a million characters. */
  get stderr(): string {
    return this.#stderr;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Writes to its stdin. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Sends it a signal. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for a match in its stdout. Rejects with its output if it ends, or after the time limit. */
  async waitForOutput(pattern: RegExp, options: DeadlineOptions = {}): Promise<RegExpExecArray> {
    try {
      return await until(
        `${pattern} from ${this.command}`,
        () => {
          const match = pattern.exec(this.#stdout);
          if (match === null && this.#exit !== undefined) {
            throw new Error(`${this.#lastWords}${this.command} ended (${this.#ending})`);
          }
          return match ?? undefined;
        },
        options,
      );
    } catch (cause) {
      const said = `stdout: ${this.#stdout}\nstderr: ${this.#stderr}`;
      throw new Error(`${(cause as Error).message}\n${said}`, { cause });
    }
  }

  /** The same, and takes the stdout up to the end of the match: no later call sees it again. */
  async takeOutput(pattern: RegExp, options: DeadlineOptions = {}): Promise<string> {
    const { index, 0: text } = await this.waitForOutput(pattern, options);
    const taken = this.#stdout.slice(0, index + text.length);
    this.#stdout = this.#stdout.slice(taken.length);
    return taken;
  }

  /** The last line of its stderr, as a prefix: reports show only the first line of an error. */
  get #lastWords(): string {
    const line = this.#stderr.trim().split('\n').at(-1);
    return line ? `${line}: ` : '';
  }

  get #ending(): string {
    return String(this.#exit?.code ?? this.#exit?.signal);
  }

  /** Ends it with a signal, and with SIGKILL if it does not end within 2 s. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProcessExit> {
    if (this.#exit === undefined) {
      this.#child.kill(signal);
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await this.exited;
      clearTimeout(timer);
    }
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
