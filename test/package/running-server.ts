import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../../src/lab/deadline.js';

/** Longer than an emulated processor needs. */
const START_TIMEOUT_MS = 60_000;

/** A server of some installed copy of the program, on a port of the loopback interface. */
export class RunningServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  output = '';
  port = 0;

  private constructor(file: string, args: readonly string[]) {
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.output += text.toString();
      });
    }
  }

  /** Starts `file args… server --listen 127.0.0.1:0 options…`, and waits until it listens. */
  static async start(
    file: string,
    args: readonly string[],
    options: readonly string[] = [],
  ): Promise<RunningServer> {
    const server = new RunningServer(file, [
      ...args,
      'server',
      '--listen',
      '127.0.0.1:0',
      ...options,
    ]);
    await until(
      'the server to listen',
      () => {
        server.port = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(server.output)?.[1] ?? 0);
        return server.port > 0 || server.#child.exitCode !== null;
      },
      { timeoutMs: START_TIMEOUT_MS },
    );
    if (server.port === 0) {
      throw new Error(`the server ended: ${server.output}`);
    }
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const closed = once(this.#child, 'close');
      this.#child.kill('SIGTERM');
      await closed;
    }
  }
}
