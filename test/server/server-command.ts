import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ServiceCounts } from '../../src/server/counts.js';
import { type Endpoint, endpoint } from '../../src/wire/endpoint.js';
import { ServerProcess } from '../cli/server-process.js';

const TIMEOUT_MS = 20_000;

/** Our server as its command, with its counts; on free ports of both loopback addresses. */
export class ServerCommand extends ServerProcess {
  #port = 0;

  static async start(...flags: string[]): Promise<ServerCommand> {
    const server = new ServerCommand('--log-format', 'json', ...flags);
    server.#port = await server.port();
    await server.port(); // of ::1
    return server;
  }

  /** Where it listens on 127.0.0.1. */
  get endpoint(): Endpoint {
    return endpoint('127.0.0.1', this.#port);
  }

  residentBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  /** The present counts, which SIGUSR1 prints. */
  async counts(): Promise<ServiceCounts> {
    this.child.kill('SIGUSR1');
    return countsOf(await this.line());
  }

  /** Sends SIGTERM; resolves to the exit code and the counts that it prints last. */
  async stop(): Promise<{ readonly code: number | null; readonly counts: ServiceCounts }> {
    const closed = once(this.child, 'close', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    this.child.kill('SIGTERM');
    const counts = countsOf(await this.line());
    const [code] = (await closed) as [number | null];
    return { code, counts };
  }
}

function countsOf(line: string): ServiceCounts {
  return (JSON.parse(line) as { counts: ServiceCounts }).counts;
}
