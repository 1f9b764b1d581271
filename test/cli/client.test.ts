import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { enterOwnNetwork } from '../own-network.js';
import { withWg } from '../wireguard/stand-in.js';
import { ClientProcess, clientArguments, KEYS, TWO_PEERS } from './client-process.js';
import { runCommand } from './run-command.js';
import { DnsServerProcess, ServerProcess } from './server-process.js';
import { runOnTerminal, type TerminalEnd } from './terminal.js';

await enterOwnNetwork();

/** What sets a style of the terminal. */
const STYLE = /\p{Cc}\[[\d;]*m/gu;

const [, CONNECTED, LACKING] = KEYS.map((key) => key.slice(0, 8));

/** A device with 500 peers, none of which has ever connected. */
const MANY_PEERS = `
[ "$1" = set ] && exit 0
printf '(none)\\t${KEYS[0]}\\t51820\\toff\\n'
${Array.from({ length: 500 }, (_, i) => {
  const key = Buffer.alloc(32, `peer ${i}`).toString('base64');
  return `printf '${key}\\t(none)\\t(none)\\t10.1.${i >> 8}.${i & 255}/32\\t0\\t0\\t0\\t25\\n'`;
}).join('\n')}
`;

/** Whether a client's log names its peers: it runs. */
const hasPeers = (client: ClientProcess) => () => client.stderr.includes(`peer ${LACKING}`);

async function onTerminal(action: string): Promise<TerminalEnd> {
  let end: TerminalEnd | undefined;
  await withWg(TWO_PEERS, async (_folder, wg) => {
    end = await runOnTerminal(action, clientArguments(wg));
  });
  return end as TerminalEnd;
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

/** One peer, with a fresh handshake. */
const ONE_CONNECTED = TWO_PEERS.split('\n').slice(0, -2).join('\n');

describe('client --once, where all peers are connected already', () => {
  const limit = ['--once', '--timeout', '1', '--log-level', 'silent'];
  const connected = `${CONNECTED} connected 192.0.2.1:5\n`;

  it('is not done before the server has answered', () =>
    withWg(ONE_CONNECTED, async (_folder, wg) => {
      const { code, stdout, stderr } = await runCommand(clientArguments(wg, ...limit));
      assert.deepEqual([code, stdout], [3, connected]);
      assert.match(stderr, /^the server has not answered: all peers were connected already/m);
      const dns = ['dns', 'client', 'lo', '--dns', '127.0.0.1:9', '--zone', 'example.com'];
      const lookedUp = await runCommand([...dns, '--wg', wg, ...limit]);
      assert.equal(lookedUp.code, 3);
      assert.match(lookedUp.stderr, /^nothing listens at 127\.0\.0\.1:9/m);
    }));

  it('is done with --peers-only', () =>
    withWg(ONE_CONNECTED, async (_folder, wg) => {
      for (const command of [
        clientArguments(wg),
        ['dns', 'client', 'lo', '--dns', '127.0.0.1:9', '--zone', 'a', '--wg', wg],
      ]) {
        const { code, stdout } = await runCommand([...command, ...limit, '--peers-only']);
        assert.deepEqual([code, stdout], [0, connected]);
      }
    }));

  it('is done when the server has answered', () =>
    withWg(ONE_CONNECTED, async (_folder, wg) => {
      await using server = new ServerProcess();
      const port = await server.port();
      const asked = await runCommand(['client', 'lo', `127.0.0.1:${port}`, '--wg', wg, ...limit]);
      assert.deepEqual(asked, { code: 0, stdout: connected, stderr: '' });
    }));

  it('is done when the DNS server has answered', () =>
    withWg(ONE_CONNECTED, async (_folder, wg) => {
      await using registry = new DnsServerProcess('--wg', wg);
      const dns = ['dns', 'client', 'lo', '--dns', `127.0.0.1:${await registry.port()}`];
      const looked = await runCommand([...dns, '--zone', 'example.com', '--wg', wg, ...limit]);
      assert.deepEqual(looked, { code: 0, stdout: connected, stderr: '' });
    }));
});

describe('client --log-level', () => {
  const logged = (level: string) => {
    let log = '';
    return withWg(TWO_PEERS, async (_folder, wg) => {
      await using server = new ServerProcess();
      const args = ['client', 'lo', `127.0.0.1:${await server.port()}`, '--wg', wg];
      const limit = ['--once', '--timeout', '1', '--log-level', level];
      log = (await runCommand([...args, ...limit])).stderr;
    }).then(() => log);
  };

  it('info has no word of questions and datagrams', async () => {
    assert.doesNotMatch(await logged('info'), / debug | trace |asks|sent/);
  });

  it('info stays quiet with 500 peers: ten lines a second and a summary', () =>
    withWg(MANY_PEERS, async (_folder, wg) => {
      await using server = new ServerProcess();
      const args = ['client', 'lo', `127.0.0.1:${await server.port()}`, '--wg', wg];
      await using client = new ClientProcess([...args, '--log-level', 'info']);
      const startedAt = performance.now();
      // All 500 change twice: they are asked for, and the server does not know them.
      await client.until(() => /now 500 unknown/.test(client.stderr));
      const seconds = Math.ceil((performance.now() - startedAt) / 1000) + 1;
      const lines = client.stderr.split('\n').filter((line) => / peer \S{8}: /.test(line));
      assert.ok(lines.length <= 10 * seconds, `${lines.length} lines in ${seconds} s`);
      const summaries = client.stderr.match(/more changes of peers: now /g) ?? [];
      assert.ok(summaries.length <= seconds, `${summaries.length} summaries`);
    }));

  it('debug says what was asked, answered and decided', async () => {
    const log = await logged('debug');
    assert.match(log, new RegExp(` debug peer ${LACKING}: asks the server about it`));
    assert.match(log, / debug the server answers unknown/);
    assert.match(log, / debug the server is asked at 127\.0\.0\.1:\d+ from port 51820/);
    assert.doesNotMatch(log, / trace /);
  });

  it('trace has each datagram too', async () => {
    const log = await logged('trace');
    assert.match(log, / trace sent request of 64 bytes to 127\.0\.0\.1:\d+/);
    assert.match(log, / trace received request of 0 bytes from 127\.0\.0\.1:\d+/);
  });
});

describe('client and signals', () => {
  it('on a terminal, Ctrl-C and SIGTERM end it with 0, and SIGHUP does not', async () => {
    for (const action of ['int', 'term', 'hup']) {
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
