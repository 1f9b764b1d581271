import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, type LabHost, type LabProcess, until } from '../../src/lab/index.js';
import { spawnCommand, startClient } from './our-programs.js';

/** A server that speaks the sealed protocol, and can be started again with the same key. */
export class SealedServer implements AsyncDisposable {
  process: LabProcess | undefined;
  /** The public key, in base64. */
  key = '';
  readonly #host: LabHost;
  readonly #folder: string;

  private constructor(host: LabHost, folder: string) {
    this.#host = host;
    this.#folder = folder;
  }

  static start(lab: Lab<string>, ...args: string[]): Promise<SealedServer> {
    return SealedServer.startOn(lab.rendezvous, ...args);
  }

  static async startOn(host: LabHost, ...args: string[]): Promise<SealedServer> {
    const folder = await mkdtemp(join(tmpdir(), 'wg-rendezvous-'));
    const server = new SealedServer(host, folder);
    await server.start(...args);
    return server;
  }

  /** A file that goes with the server. */
  file(name: string): string {
    return join(this.#folder, name);
  }

  async start(...args: string[]): Promise<void> {
    this.process = spawnCommand(this.#host, 'server', '--key', this.file('keys/key'), ...args);
    this.key = (await this.process.waitForOutput(/public key (\S+)/))[1] as string;
    await this.process.waitForOutput(/listening on \[/);
  }

  /** As given to clients. */
  get address(): string {
    return this.#host.address;
  }

  /** Starts a client beside a host's WireGuard. */
  client(host: LabHost, ...args: string[]): LabProcess {
    return startClient(host, this.#host.address, '--server-key', this.key, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

/** Waits until a process has said something. */
export async function said(client: LabProcess, pattern: RegExp): Promise<void> {
  await until(`${pattern}`, () => pattern.test(client.stderr), { timeoutMs: 30_000 });
}

/** Makes the client of a host renew its registration: an address appears. */
export async function shake(host: LabHost): Promise<void> {
  await host.exec('ip', ['address', 'add', '10.99.0.1/32', 'dev', 'lo']);
}
