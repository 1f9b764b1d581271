import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pidFile } from '../../src/cli/daemon.js';
import { createLogger } from '../../src/cli/log.js';
import { until } from '../../src/lab/index.js';
import { enterOwnNetwork } from '../own-network.js';
import { withWg } from '../wireguard/stand-in.js';
import { clientArguments, TWO_PEERS } from './client-process.js';
import { NotifySocket } from './notify-socket.js';
import { runCommand } from './run-command.js';

await enterOwnNetwork();

const PID_FILE = pidFile('lo');

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The session of a process (proc(5)). */
function sessionOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[3]);
}

describe('client --background', () => {
  it('keeps running in its own session, with a pid file until it ends', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const args = clientArguments(wg, '--background');
      const first = await runCommand(args);
      assert.deepEqual(first, { code: 0, stdout: '', stderr: '' });
      const pid = Number(readFileSync(PID_FILE, 'latin1'));
      try {
        assert.ok(isRunning(pid));
        assert.equal(sessionOf(pid), pid);

        const second = await runCommand(args);
        const said = `a client (pid ${pid}) manages lo already\n`;
        assert.deepEqual(second, { code: 0, stdout: '', stderr: said });
        const inFront = await runCommand(clientArguments(wg));
        assert.equal(
          inFront.stderr,
          `error: another client (pid ${pid}) manages lo: stop it first\n`,
        );
        assert.equal(Number(readFileSync(PID_FILE, 'latin1')), pid);

        process.kill(pid, 'SIGHUP');
        process.kill(pid, 'SIGUSR1');
      } finally {
        process.kill(pid, 'SIGTERM');
      }
      await until('it to end', async () => !isRunning(pid));
      assert.ok(!existsSync(PID_FILE));
    }));

  it('says what keeps it from running, and ends with its code', async () => {
    const lost = await runCommand([
      'client',
      'lo',
      '127.0.0.1',
      '--background',
      '--wg',
      '/none/wg',
    ]);
    assert.equal(lost.code, 1);
    assert.match(lost.stderr, /^error: [^\n]*\/none\/wg[^\n]*\n$/);
    const bad = await runCommand(['client', 'lo', 'bad..host', '--background']);
    assert.equal(bad.code, 2);
    assert.ok(!existsSync(PID_FILE));
  });
});

describe('the log of a daemon', () => {
  it('goes to syslog, with priority and PID, and is lost if there is none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-syslog-'));
    const path = join(folder, 'log');
    const options = { logFormat: 'text', logLevel: 'info' } as const;
    createLogger(options, 'syslog', path).info('nobody hears this');
    await using socket = await NotifySocket.open(path);
    const logger = createLogger(options, 'syslog', path);
    logger.warn('a line');
    logger.debug('none');
    logger.error('another');
    const tag = `wg-rendezvous[${process.pid}]: `;
    assert.equal(await socket.hear(/./), `<28>${tag}a line`);
    assert.equal(await socket.hear(/./), `<27>${tag}another`);
    rmSync(folder, { recursive: true });
  });
});
