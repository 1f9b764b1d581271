import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../../src/lab/deadline.js';
import { PROGRAM } from './run-command.js';

const TIMEOUT_MS = 20_000;

/** A server as the child of a shell, as npm runs it. Ends with the test. */
class ServerUnderShell implements AsyncDisposable {
  readonly shell;
  pid = 0;

  constructor(environment: Readonly<Record<string, string>>) {
    const { npm_command: _, ...own } = process.env;
    const script = '"$0" "$1" server --listen 127.0.0.1:0 & echo "pid $!"; wait';
    this.shell = spawn('bash', ['-c', script, process.execPath, PROGRAM], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...own, ...environment },
    });
  }

  async listening(): Promise<void> {
    let text = '';
    while (!text.includes('listening on')) {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const [data] = await once(this.shell.stdout, 'data', { signal });
      text += String(data);
    }
    this.pid = Number(/pid (\d+)/.exec(text)?.[1]);
  }

  get isRunning(): boolean {
    try {
      // An orphan that has ended may stay as a zombie, until its new parent waits for it.
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${this.pid}/status`, 'latin1'));
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      process.kill(this.pid, 'SIGKILL');
    }
    this.shell.kill('SIGKILL');
  }
}

test('a program of npm ends with the shell that npm started it in', {
  timeout: 60_000,
}, async () => {
  await using server = new ServerUnderShell({ npm_command: 'exec' });
  await server.listening();
  const closed = once(server.shell, 'close', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  server.shell.kill('SIGKILL');
  // The server holds the pipe, which the kernel closes shortly before the process shows as ended.
  await closed;
  await until('the end', () => !server.isRunning, { timeoutMs: TIMEOUT_MS });
});

test('a program makes no core dumps', async () => {
  await using server = new ServerUnderShell({});
  await server.listening();
  const limits = readFileSync(`/proc/${server.pid}/limits`, 'latin1');
  assert.match(limits, /^Max core file size +0 +0 /m);
});
