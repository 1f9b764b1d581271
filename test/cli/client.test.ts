import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withWg } from '../wireguard/stand-in.js';
import { ClientProcess, clientArguments, KEYS, TWO_PEERS } from './client-process.js';
import { PROGRAM, runCommand } from './run-command.js';

const PTY = fileURLToPath(new URL('../../../test/cli/terminal.py', import.meta.url));

/** What sets a style of the terminal. */
const STYLE = /\p{Cc}\[[\d;]*m/gu;

const [, CONNECTED, LACKING] = KEYS.map((key) => key.slice(0, 8));

/** Whether a client's log names its peers: it runs. */
const hasPeers = (client: ClientProcess) => () => client.stderr.includes(`peer ${LACKING}`);

async function onTerminal(action: string): Promise<{ drawn: string; end: string }> {
  let output = '';
  await withWg(TWO_PEERS, async (_folder, wg) => {
    output = await new Promise((resolve, reject) => {
      const args = [PTY, action, process.execPath, PROGRAM, ...clientArguments(wg)];
      execFile('python3', args, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
  });
  const lines = output.trimEnd().split('\n');
  return { end: lines.pop() ?? '', drawn: lines.join('\n') };
}

describe('client --once', () => {
  it('out of time: prints only connected peers as connected, and why the others are not', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const { code, stdout, stderr } = await runCommand(
        clientArguments(wg, '--once', '--timeout', '1', '--log-level', 'silent'),
      );
      assert.equal(code, 3);
      assert.equal(stdout, `${CONNECTED} connected 192.0.2.1:5\n`);
      assert.match(stderr, new RegExp(`^peer ${LACKING}: no fresh handshake: `, 'm'));
      assert.doesNotMatch(stderr, new RegExp(`${CONNECTED}`));
    }));
});

describe('client and signals', () => {
  it('on a terminal, Ctrl-C and SIGTERM end it with 0', async () => {
    for (const action of ['int', 'term']) {
      const { end, drawn } = await onTerminal(action);
      assert.equal(end, '0', `${action}: ${drawn}`);
      assert.ok(drawn.includes(String(LACKING)), drawn);
    }
  });

  it('on a terminal, SIGUSR1 prints counts above the table', async () => {
    const { end, drawn } = await onTerminal('usr1');
    assert.match(
      drawn.replaceAll(STYLE, ''),
      /counts: peers 2, connected 1, [\s\S]*peer +path +endpoint/,
    );
    assert.equal(end, '0');
  });

  it('on a terminal that is closed, it ends by SIGHUP, and not by an abort of Node', async () => {
    assert.equal((await onTerminal('close')).end, '-1');
  });

  it('SIGUSR1 prints counts and opens no inspector; SIGHUP does nothing', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      await using client = new ClientProcess(clientArguments(wg));
      await client.until(hasPeers(client));
      client.child.kill('SIGHUP');
      client.child.kill('SIGUSR1');
      await client.until(() => client.stdout.includes('\n'));
      assert.match(client.stdout, /^counts: peers 2, connected 1, connecting 0, /);
      assert.deepEqual(await client.stop(), [0, null]);
      assert.doesNotMatch(client.stderr, /[Dd]ebugger/);
    }));

  it('SIGINT and SIGTERM in quick succession are one request to stop', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      await using client = new ClientProcess(clientArguments(wg));
      await client.until(hasPeers(client));
      client.child.kill('SIGINT');
      client.child.kill('SIGINT');
      assert.deepEqual(await client.stop('SIGTERM'), [0, null]);
    }));
});

describe('client and other clients', () => {
  it('of one interface: the second says in one line who has it', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      await using first = new ClientProcess(clientArguments(wg));
      await first.until(hasPeers(first));
      for (const command of [
        clientArguments(wg, '--once'),
        ['dns', 'client', 'lo', '--dns', '127.0.0.1:9', '--zone', 'example.com', '--wg', wg],
      ]) {
        const { code, stdout, stderr } = await runCommand(command);
        assert.deepEqual(
          [code, stdout, stderr],
          [1, '', `error: another client (pid ${first.child.pid}) manages lo: stop it first\n`],
        );
      }
      await first.stop('SIGKILL');
      await using next = new ClientProcess(clientArguments(wg));
      await next.until(hasPeers(next));
    }));
});
