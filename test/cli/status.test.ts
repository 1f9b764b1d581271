import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { statusErrors } from '../client/status-schema.js';
import { withWg } from '../wireguard/stand-in.js';
import { ClientProcess, clientArguments, KEYS, TWO_PEERS } from './client-process.js';
import { PROGRAM, runCommand } from './run-command.js';

const SOCKET = '/run/wg-rendezvous/lo.sock';

const DEADLINE_MS = 15_000;

/** A client that runs, and serves its status: both peers are in its log, and the command finds it. */
async function serving(wg: string): Promise<ClientProcess> {
  const client = new ClientProcess(clientArguments(wg));
  await client.until(() => client.stderr.includes(KEYS[2]!.slice(0, 8)));
  const end = performance.now() + DEADLINE_MS;
  while ((await runCommand(['status', 'lo'])).code !== 0) {
    assert.ok(performance.now() < end, client.stderr);
  }
  return client;
}

describe('status', () => {
  it('shows what the client of an interface knows, to root alone', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      await using _client = await serving(wg);
      assert.equal(statSync(SOCKET).mode & 0o777, 0o600);
      const { code, stdout, stderr } = await runCommand(['status', 'lo']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /^interface: lo\n/);
      assert.match(stdout, /\nserver: 127\.0\.0\.1:9\n {2}protocol: classic\n/);
      assert.match(stdout, /\n {2}state: connected for \d+ s\n {2}path: direct\n/);
      assert.ok(!stdout.includes('\u001b'), 'no colours in a pipe');
      const other = await runCommand(['status', 'lo'], { uid: 65534 });
      assert.equal(other.code, 1);
      assert.match(other.stderr, /^error: may not ask the client on lo: run as root\n$/);
    }));

  it('--json prints one object that the schema describes, without INTERFACE for each client', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      await using client = await serving(wg);
      for (const args of [
        ['status', 'lo', '--json'],
        ['status', '--json'],
      ]) {
        const { stdout } = await runCommand(args);
        const status = stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { interface: string; pid: number })
          .find((one) => one.interface === 'lo');
        assert.deepEqual(statusErrors(status), []);
        assert.equal(status?.pid, client.child.pid);
      }
    }));

  it('--watch goes on until it is stopped', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      await using _client = await serving(wg);
      const watching = spawn(process.execPath, [PROGRAM, 'status', 'lo', '--json', '--watch']);
      let lines = 0;
      await new Promise<void>((resolve) => {
        watching.stdout.on('data', (data: Buffer) => {
          lines += data.toString().split('\n').length - 1;
          if (lines >= 2) {
            resolve();
          }
        });
      });
      watching.kill('SIGTERM');
      const code = await new Promise((resolve) => watching.once('close', resolve));
      assert.equal(code, 0);
    }));

  it('without a client says so in one line, also when one was killed', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      {
        await using client = await serving(wg);
        await client.stop('SIGKILL');
      }
      const { code, stderr } = await runCommand(['status', 'lo']);
      assert.equal(code, 1);
      assert.equal(
        stderr,
        'error: no client runs on lo: start one (wg-rendezvous client lo SERVER)\n',
      );
      const all = await runCommand(['status']);
      assert.doesNotMatch(all.stderr, /no client runs on lo/);
      // The next client takes the socket over.
      await using _next = await serving(wg);
      assert.equal((await runCommand(['status', 'lo'])).code, 0);
    }));
});
