import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { PROGRAM } from './run-command.js';

const DEADLINE_MS = 10_000;

/** A server on both loopback addresses, whose output is read line by line. */
export class ServerProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #logLines: AsyncIterator<string>;

  constructor(...args: string[]) {
    const listen = ['--listen', '127.0.0.1:0', '--listen', '[::1]:0'];
    const [file, ...before] = this.launcher;
    this.child = spawn(file, [...before, PROGRAM, ...this.command, ...listen, ...args]);
    this.#lines = linesOf(this.child.stdout!);
    this.#logLines = linesOf(this.child.stderr!);
  }

  protected get launcher(): readonly [string, ...string[]] {
    return [process.execPath];
  }

  protected get command(): readonly string[] {
    return ['server'];
  }

  async line(): Promise<string> {
    return String((await this.#lines.next()).value);
  }

  /** The next line of the log that matches; the last one, when there is none in ten seconds. */
  async logLine(expected: RegExp): Promise<string> {
    // A server that is gone says no more: that ends the wait.
    const deadline = setTimeout(() => this.child.kill('SIGKILL'), DEADLINE_MS);
    let line = '';
    for (let it = await this.#logLines.next(); !it.done; it = await this.#logLines.next()) {
      line = it.value;
      if (expected.test(line)) {
        break;
      }
    }
    clearTimeout(deadline);
    return line;
  }

  /** Reads `listening on ADDR:PORT`, or another such line. */
  async port(what = 'listening'): Promise<number> {
    const [said, port] = /^(\S+) on \S+:(\d+)$/.exec(await this.line())?.slice(1) ?? [];
    return said === what ? Number(port) : Number.NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'close');
    }
  }
}

/** A registry server of example.com; pass the stand-in for `wg` with --wg. */
export class DnsServerProcess extends ServerProcess {
  protected override get command(): readonly string[] {
    return ['dns', 'server', '--zone', 'example.com', '--interface', 'wg-test', '--public'];
  }
}

function linesOf(stream: Readable): AsyncIterator<string> {
  return createInterface({ input: stream })[Symbol.asyncIterator]();
}
