import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outcome, run } from '../../src/lab/command.js';
import { type Namespace, until } from '../../src/lab/index.js';
import { LabProcess } from '../../src/lab/process.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SCRIPT = join(ROOT, 'test/netns/systemd.sh');
const NAMESPACES = ['-m', '-p', '-u', '-i', '-n', '-C'];
const TIMEOUT_MS = 30_000;

/** A systemd of its own that has our units, and `wg-quick@`. */
export class Systemd implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-systemd-'));
  readonly #cgroup = `wg-rendezvous-test-${process.pid}`;
  readonly #process: LabProcess;

  /**
   * @param files what /etc has besides, by path
   * @param network where it runs. @default its own network namespace
   */
  constructor(files: Readonly<Record<string, string>>, network?: Namespace) {
    for (const unit of readdirSync(join(ROOT, 'units'))) {
      copyFileSync(join(ROOT, 'units', unit), join(this.#folder, unit));
    }
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(this.#folder, 'etc', path, '..'), { recursive: true });
      writeFileSync(join(this.#folder, 'etc', path), text, { mode: 0o644 });
    }
    const args = [this.#cgroup, this.#folder, ROOT];
    this.#process = new LabProcess(SCRIPT, network ? [...args, network.netns] : args);
  }

  async started(): Promise<void> {
    await until('systemd to run', async () => {
      assert.equal(this.#process.stderr, '');
      return (await this.outcome('systemctl', 'is-system-running')).stdout.trim() === 'running';
    });
  }

  /** Runs a command in its namespaces. */
  outcome(...command: string[]) {
    const { pid } = this.#process;
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim() || '0';
    return outcome('nsenter', ['-t', first, ...NAMESPACES, ...command], { timeoutMs: TIMEOUT_MS });
  }

  async run(...command: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.outcome(...command);
    assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Waits until a property of a unit has a value. */
  async until(unit: string, property: string, expected: RegExp): Promise<void> {
    let value = '';
    await until(`${property} of ${unit} to be ${expected}`, async () => {
      value = await this.run('systemctl', 'show', '--value', '-p', property, unit);
      return expected.test(value.trim());
    });
  }

  /** Adds lines to the [Service] section of a unit, from its next start on. */
  async override(unit: string, lines: readonly string[]): Promise<void> {
    const folder = dropIn(unit);
    await this.run('mkdir', '-p', folder);
    const write = `printf '%s\\n' "$@" >${folder}/test.conf`;
    await this.run('bash', '-c', write, '-', '[Service]', ...lines);
    await this.run('systemctl', 'daemon-reload');
  }

  /** Undoes `override`. */
  async restore(unit: string): Promise<void> {
    await this.run('rm', '-r', dropIn(unit));
    await this.run('systemctl', 'daemon-reload');
  }

  log(unit: string): Promise<string> {
    return this.run('journalctl', '--no-pager', '-u', unit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    const root = (
      await run('findmnt', ['-n', '--first-only', '-t', 'cgroup2', '-o', 'TARGET'])
    ).trim();
    const group = join(root, this.#cgroup);
    const isEmpty = () =>
      readFileSync(join(group, 'cgroup.events'), 'latin1').includes('populated 0');
    await until('the cgroup to be empty', async () => isEmpty());
    const folders = readdirSync(group, { recursive: true, withFileTypes: true });
    const paths = folders
      .filter((it) => it.isDirectory())
      .map((it) => join(it.parentPath, it.name));
    for (const path of [...paths.sort((a, b) => b.length - a.length), group]) {
      rmdirSync(path);
    }
    rmSync(this.#folder, { recursive: true });
  }
}

function dropIn(unit: string): string {
  return `/run/systemd/system/${unit}.service.d`;
}
