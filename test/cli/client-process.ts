import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PROGRAM } from './run-command.js';

/** Public keys of a device and of two peers. */
export const KEYS = [1, 2, 3].map((n) => Buffer.alloc(32, n).toString('base64'));

const NOW = '$(date +%s)';

/**
 * A stand-in for `wg` (withWg): the loopback interface is a WireGuard device with two peers, of which the
 * first has a fresh handshake.
 */
export const TWO_PEERS = `
[ "$1" = set ] && exit 0
printf '(none)\\t${KEYS[0]}\\t51820\\toff\\n'
printf '${KEYS[1]}\\t(none)\\t192.0.2.1:5\\t10.0.0.1/32\\t%s\\t1\\t1\\t25\\n' ${NOW}
printf '${KEYS[2]}\\t(none)\\t(none)\\t10.0.0.2/32\\t0\\t0\\t0\\toff\\n'
`;

/** Arguments of a client of that device; there is no server at that address. */
export function clientArguments(wg: string, ...more: string[]): string[] {
  return ['client', 'lo', '127.0.0.1:9', '--wg', wg, ...more];
}

/** A client that runs beside the test. */
export class ClientProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (text) => {
      this.#stdout += text;
    });
    this.child.stderr?.on('data', (text) => {
      this.#stderr += text;
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves when a state is reached; rejects when the client ends before. */
  async until(reached: () => boolean): Promise<void> {
    while (!reached()) {
      if (this.child.exitCode !== null) {
        throw new Error(`the client ended with ${this.child.exitCode}: ${this.#stderr}`);
      }
      await Promise.race([
        once(this.child.stdout!, 'data'),
        once(this.child.stderr!, 'data'),
        once(this.child, 'close'),
      ]);
    }
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown[]> {
    this.child.kill(signal);
    return once(this.child, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await this.stop('SIGKILL');
    }
  }
}
