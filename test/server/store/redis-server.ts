import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseStoreUrl, type StoreAddress } from '../../../src/server/store/store-url.js';

const run = promisify(execFile);
const DEADLINE_MS = 10_000;

/** Debian's redis-server on a unix socket in a folder of its own. */
export class RedisServer implements AsyncDisposable {
  #child: ChildProcess | undefined;

  static async start(...flags: string[]): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-redis-'));
    const server = new RedisServer(folder, flags);
    await server.start();
    return server;
  }

  private constructor(
    private readonly folder: string,
    private readonly flags: readonly string[],
  ) {}

  get path(): string {
    return join(this.folder, 'socket');
  }

  get url(): string {
    return `unix:${this.path}`;
  }

  get address(): StoreAddress {
    return parseStoreUrl(this.url);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const always = ['--unixsocket', this.path, '--port', '0', '--save', '', '--dir', this.folder];
    this.#child = spawn('redis-server', [...always, ...this.flags], { stdio: 'ignore' });
    const deadline = Date.now() + DEADLINE_MS;
    while (!(await canConnect(this.path))) {
      assert.ok(
        Date.now() < deadline && this.#child.exitCode === null,
        'redis-server did not start',
      );
    }
  }

  /** Ends it at once: what it held is gone. */
  async kill(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'close');
    }
    await rm(this.path, { force: true });
  }

  /** The output of redis-cli. */
  async ask(...command: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-s', this.path, '--raw', ...command]);
    return stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function canConnect(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  } finally {
    socket.destroy();
  }
}
