import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLab, type LabHost, type LabProcess } from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';
import { connected } from './our-programs.js';
import { SealedServer } from './sealed-programs.js';

const PORT = 51820;
const SUSPEND_SECONDS = 3600;
const TICK_MS = 50;
/** Far above what a busy machine needs, and far below the 150 s of a client that does not notice. */
const LIMIT_MS = 30_000;

/** A file to take the place of /proc/uptime, which counts suspends as well. */
class SuspendedClock implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-suspend-'));
  readonly file = join(this.#folder, 'uptime');
  readonly #timer: NodeJS.Timeout;
  #suspendedSeconds = 0;

  constructor() {
    this.#write();
    this.#timer = setInterval(() => this.#write(), TICK_MS);
  }

  suspend(seconds: number): void {
    this.#suspendedSeconds += seconds;
    this.#write();
  }

  #write(): void {
    writeFileSync(this.file, `${(uptime() + this.#suspendedSeconds).toFixed(2)} 0.00\n`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    rmSync(this.#folder, { recursive: true });
  }
}

/** Starts a client that lives by a clock of ours. `ip netns exec` gives each program mounts of its own. */
function startClient(host: LabHost, server: SealedServer, clock: SuspendedClock): LabProcess {
  const client = [PROGRAM, 'client', host.wireguard.interface, server.address];
  const args = [process.execPath, ...client, '--server-key', server.key, '--log-level', 'debug'];
  return host.spawn('sh', [
    '-c',
    'mount --bind "$0" /proc/uptime && exec "$@"',
    clock.file,
    ...args,
  ]);
}

test('two hosts that both move during a suspend are connected again at once', async () => {
  const hosts = { nat: 'cone', distance: { roundTripMs: 50 } } as const;
  await using lab = await createLab({ hosts: { a: hosts, b: hosts } });
  await using server = await SealedServer.start(lab);
  using clock = new SuspendedClock();
  const [a, b] = [lab.host('a'), lab.host('b')];
  const clients = [a, b].map((host) => startClient(host, server, clock));
  await connected(lab, ['a', 'b']);
  for (const client of clients) {
    client.kill('SIGSTOP');
  }
  clock.suspend(SUSPEND_SECONDS);
  await Promise.all([a, b].map((host, i) => host.gateways[0]?.moveMapping(PORT, 40_000 + i)));
  for (const client of clients) {
    client.kill('SIGCONT');
  }
  assert.ok(await lab.ping('a', 'b', { timeoutMs: LIMIT_MS }), 'pings are answered');
  for (const client of clients) {
    assert.match(client.stderr, /the host was suspended/);
  }
});
