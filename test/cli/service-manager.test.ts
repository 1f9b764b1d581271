import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { LabProcess } from '../../src/lab/process.js';
import { formatPublicKey } from '../../src/wire/key.js';
import { enterOwnNetwork } from '../own-network.js';
import { key } from '../server/requests.js';
import { withWg } from '../wireguard/stand-in.js';
import { clientArguments, TWO_PEERS } from './client-process.js';
import { NotifySocket } from './notify-socket.js';
import { ProgramWithoutAddon } from './program-without-addon.js';
import { PROGRAM } from './run-command.js';

await enterOwnNetwork();

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-notify-'));
after(() => rmSync(folder, { recursive: true }));

/** Two signs of life within two seconds are more than the start and one message. */
const WATCHDOG = { WATCHDOG_USEC: '1000000' };

/** Starts the program as systemd does. */
function start(
  socket: NotifySocket,
  args: readonly string[],
  { program = PROGRAM, ...more }: { program?: string } & NodeJS.ProcessEnv = {},
): LabProcess {
  const env = { ...process.env, NOTIFY_SOCKET: socket.path, ...more };
  return new LabProcess(process.execPath, [program, ...args], env);
}

/** A server with a list of keys, which SIGHUP has it read again. */
function serverArguments(): string[] {
  const list = join(folder, 'list');
  writeFileSync(list, `${formatPublicKey(key(1))}\n`);
  const files = ['--key', join(folder, 'key'), '--allow', list];
  return ['server', '--listen', '127.0.0.1:0', ...files];
}

async function stop(process: LabProcess, socket: NotifySocket): Promise<void> {
  const ended = process.stop();
  await socket.hear(/^STOPPING=1 \| STATUS=stopping$/);
  assert.deepEqual(await ended, { code: 0, signal: null }, process.stderr);
}

describe('a service of systemd (NOTIFY_SOCKET)', () => {
  for (const [what, path] of [
    ['a path', join(folder, 'notify')],
    ['an abstract name', `@wg-rendezvous-test-${process.pid}`],
  ] as const) {
    it(`server: ready, status, watchdog, reload and stop, to ${what}`, async () => {
      await using socket = await NotifySocket.open(path);
      await using server = start(socket, serverArguments(), WATCHDOG);
      await socket.hear(/^READY=1 \| STATUS=0 classic peers, 0 sealed clients$/);
      assert.match(server.stdout, /listening on/, 'ready only when it listens');
      await socket.hear(/^WATCHDOG=1$/);
      await socket.hear(/^WATCHDOG=1$/);
      process.kill(server.pid!, 'SIGHUP');
      await socket.hear(/^RELOADING=1 \| MONOTONIC_USEC=\d+$/);
      await socket.hear(/^READY=1 \| STATUS=/);
      await stop(server, socket);
    });
  }

  it('server without the addon: the same through systemd-notify', async () => {
    using program = new ProgramWithoutAddon();
    await using socket = await NotifySocket.open(join(folder, 'tool'));
    const options = { program: program.path, ...WATCHDOG };
    await using server = start(socket, serverArguments(), options);
    await socket.hear(/^READY=1 \| STATUS=0 classic peers/);
    await socket.hear(/^WATCHDOG=1$/);
    process.kill(server.pid!, 'SIGHUP');
    await socket.hear(/^RELOADING=1 \| MONOTONIC_USEC=\d+$/);
    await socket.hear(/^READY=1 /);
    await stop(server, socket);
  });

  it('client: ready after the first look, with the state of its peers', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      await using socket = await NotifySocket.open(join(folder, 'client'));
      await using client = start(socket, clientArguments(wg), WATCHDOG);
      await socket.hear(/^READY=1 \| STATUS=1 of 2 peers connected$/);
      await socket.hear(/^WATCHDOG=1$/);
      await socket.hear(/^WATCHDOG=1$/);
      process.kill(client.pid!, 'SIGHUP');
      await socket.hear(/^RELOADING=1 /);
      await socket.hear(/^READY=1 /);
      await socket.hear(/^STATUS=1 of 2 peers connected; .*no answer from 127\.0\.0\.1/);
      await stop(client, socket);
    }));

  it('client: ready even if there is no interface yet', async () => {
    await using socket = await NotifySocket.open(join(folder, 'none'));
    await using client = start(socket, ['client', 'wg-none', '127.0.0.1:9']);
    await socket.hear(/^READY=1 \| STATUS=0 of 0 peers connected/);
    await stop(client, socket);
  });

  it('a socket without a listener stops no service, and is reported once', async () => {
    const env = { ...process.env, NOTIFY_SOCKET: join(folder, 'absent'), ...WATCHDOG };
    await using server = new LabProcess(process.execPath, [PROGRAM, ...serverArguments()], env);
    await server.waitForOutput(/public key/);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.equal(server.stderr.match(/cannot notify systemd/g)?.length, 1, server.stderr);
  });
});
