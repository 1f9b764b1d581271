import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, outcome, run } from '../../src/lab/command.js';
import type { LabHost, LabProcess } from '../../src/lab/index.js';
import { TemporaryFolder } from '../../src/lab/temporary-folder.js';
import { CHECKOUT } from './packages.js';

const CHROOT_TIMEOUT_MS = 600_000;

/**
 * Mounts what programs expect in a Debian folder, in a mount namespace of its own, and runs a command there,
 * without the environment of the tests.
 */
const ENTER = `
  mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && mkdir -p "$0/run/wireguard" /run/wireguard &&
  mount --bind /run/wireguard "$0/run/wireguard" && 
  exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$0" "$@"`;

/** A Debian 12 without a compiler and without Node. */
export class Debian implements Disposable {
  readonly #folder = new TemporaryFolder('debian');
  readonly root = this.#folder.file('root');

  static async unpack(): Promise<Debian> {
    const debian = new Debian();
    await run(join(CHECKOUT, 'scripts/debian-chroot.sh'), [debian.root], {
      timeoutMs: CHROOT_TIMEOUT_MS,
    });
    return debian;
  }

  /** The arguments of `unshare` that run a command in it. */
  arguments(...command: string[]): string[] {
    return ['--mount', '--propagation', 'private', 'sh', '-c', ENTER, this.root, ...command];
  }

  outcome(...command: string[]): Promise<CommandResult> {
    return outcome('unshare', this.arguments(...command), { timeoutMs: 120_000 });
  }

  async run(...command: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.outcome(...command);
    assert.equal(code, 0, `${command.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Runs a command in it to its end, in the network of a host of the lab. */
  outcomeOn(host: LabHost, ...command: string[]): Promise<CommandResult> {
    return host.outcome('unshare', this.arguments(...command), { timeoutMs: 60_000 });
  }

  spawn(host: LabHost, ...command: string[]): LabProcess {
    return host.spawn('unshare', this.arguments(...command));
  }

  path(file: string): string {
    return join(this.root, file);
  }

  /** Brings a file into it, and returns its path there. */
  bring(file: string, name: string): string {
    cpSync(file, this.path(name), { recursive: true });
    return `/${name}`;
  }

  /** All files and folders, but not what dpkg and its helpers write about themselves. */
  async files(): Promise<string[]> {
    const own =
      /^(var\/(lib\/dpkg|log|cache\/(apt|debconf|ldconfig))|etc\/ld\.so\.cache|tmp|proc|dev|run)(\/|$)/;
    const listing = await run('find', [this.root, '-printf', '%P\n']);
    return listing.split('\n').filter((file) => !own.test(file));
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}
