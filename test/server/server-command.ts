import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import type { ServiceCounts } from '../../src/server/counts.js';
import { type Endpoint, endpoint } from '../../src/wire/endpoint.js';
import { PROGRAM } from '../cli/run-command.js';

const TIMEOUT_MS = 20_000;

/** Our server as its command, on a free port of 127.0.0.1. */
export class ServerCommand {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  #last = '';
  #port = 0;

  static async start(...flags: string[]): Promise<ServerCommand> {
    const server = new ServerCommand(flags);
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const [line] = (await Promise.race([
      once(server.#lines, 'line', { signal }),
      once(server.#lines, 'close', { signal }).then(() => {
        throw new Error('the server ended before it listened');
      }),
    ])) as [string];
    server.#port = Number(/^listening on 127\.0\.0\.1:(\d+)$/.exec(line)?.[1]);
    return server;
  }

  private constructor(flags: readonly string[]) {
    const args = [PROGRAM, 'server', '--listen', '127.0.0.1:0', '--log-format', 'json', ...flags];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#lines.on('line', (line) => {
      this.#last = line;
    });
  }

  get endpoint(): Endpoint {
    return endpoint('127.0.0.1', this.#port);
  }

  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  /** The counts as they stand now; SIGUSR1 has them printed. */
  async counts(): Promise<ServiceCounts> {
    const line = once(this.#lines, 'line', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    this.#child.kill('SIGUSR1');
    return countsOf(((await line) as [string])[0]);
  }

  /** SIGTERM; resolves to its exit code and the counts that it prints last. */
  async stop(): Promise<{ readonly code: number | null; readonly counts: ServiceCounts }> {
    const closed = once(this.#child, 'close', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    this.#child.kill('SIGTERM');
    const [code] = (await closed) as [number | null];
    return { code, counts: countsOf(this.#last) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
  }
}

function countsOf(line: string): ServiceCounts {
  return (JSON.parse(line) as { counts: ServiceCounts }).counts;
}
