import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { IniError, parseIni } from '../../src/cli/ini.js';
import { enterOwnNetwork } from '../own-network.js';
import { withWg } from '../wireguard/stand-in.js';
import { ClientProcess, clientArguments, KEYS, TWO_PEERS } from './client-process.js';
import { runCommand } from './run-command.js';
import { ServerProcess } from './server-process.js';

await enterOwnNetwork();

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-settings-'));
after(() => rmSync(folder, { recursive: true }));

const [SERVER, CONNECTED, LACKING] = KEYS as [string, string, string];

let files = 0;
function settings(text: string): string {
  const path = join(folder, `${++files}.conf`);
  writeFileSync(path, text);
  return path;
}

const PEERS = `
[Peer]
PublicKey = ${CONNECTED}
Name = laptop
[Peer]
publickey=${LACKING}   # spelled as one likes
NAME=phone of Ann
`;

describe('the INI of settings', () => {
  it('has sections and keys with their lines, and comments', () => {
    assert.deepEqual(parseIni('# a\n[A] # b\n\nX = 1 2\ny=\n[ B b ]\r\nZ=a=b\r\n'), [
      {
        name: 'A',
        line: 2,
        entries: [
          { key: 'X', value: '1 2', line: 4 },
          { key: 'y', value: '', line: 5 },
        ],
      },
      { name: 'B b', line: 6, entries: [{ key: 'Z', value: 'a=b', line: 7 }] },
    ]);
  });

  it('says which line cannot be read', () => {
    assert.throws(() => parseIni('\nX = 1'), new IniError(2, 'X stands before any [Section]'));
    assert.throws(() => parseIni('[A]\nX'), /line 2: expected \[Section\] or Key = Value/);
    assert.throws(() => parseIni('[A]\n = 1'), IniError);
  });

  it('survives anything', () => {
    for (let seed = 1; seed < 500; seed++) {
      const bytes = Array.from(
        { length: 60 },
        (_, i) => '[]=#\n\r aZ\0é'[(seed * (i + 7) ** 2) % 12],
      );
      try {
        parseIni(bytes.join(''));
      } catch (error) {
        assert.ok(error instanceof IniError);
      }
    }
  });
});

/** Settings that cannot be used, and what the one line about them says. */
const UNUSABLE: readonly [text: string, said: string][] = [
  ['[Client]\nServer = h\nSever = h', 'line 3: [Client] has no key Sever: known are Server, '],
  ['[Cleint]', 'line 1: there is no section [Cleint]: known are [Client], '],
  ['[Server]\nListen = 0.0.0.0:1', 'line 1: there is no section [Server]'],
  ['[Client]\nServer = bad..host', 'line 2: Server = bad..host: expected HOST, '],
  ['[Client]\nServer = short@host', 'line 2: Server = short@host: '],
  [
    '[Client]\nServer = h\n\nKeepalive = 70000',
    'line 4: Keepalive = 70000: expected a whole number',
  ],
  ['[Client]\nServer = h\nRefresh =', 'line 3: Refresh = : a value is missing'],
  ['[Client]\nServer = h\nNoReplace = perhaps', 'line 3: NoReplace = perhaps: expected yes or no'],
  ['[Client]\nServer = h\nLogLevel = loud', 'line 3: LogLevel = loud: Allowed choices are trace'],
  ['[Client]\nServer = h\nRefresh = 5\nRefresh = 6', 'line 4: Refresh is given twice'],
  ['[Client]\nServer = h\nOnce = yes', 'line 3: [Client] has no key Once'],
  ['[Client]\nServer = h\nWg = wg', 'line 3: Wg = wg: expected an absolute path'],
  ['[Client]\nServer', 'line 2: expected [Section] or Key = Value'],
  ['[Peer]\nName = x', 'line 1: a [Peer] has a PublicKey and a Name'],
  [`[Peer]\nPublicKey = ${LACKING}`, 'line 1: a [Peer] has a PublicKey and a Name'],
  ['[Peer]\nPublicKey = x', 'line 2: PublicKey: not a key'],
  [`[Peer]\nName = a\nAddress = b`, 'line 3: [Peer] has no key Address: known are PublicKey, Name'],
  ['[Peer]\nName = \u001b[31mred', 'line 2: a name has 1 to 40 printable characters'],
  [`[Peer]\nName = ${'a'.repeat(41)}`, 'line 2: a name has 1 to 40 printable characters'],
  [`${PEERS}[Peer]\nPublicKey = ${LACKING}\nName = z`, 'line 8: this peer has a name already'],
  [
    `${PEERS}[Peer]\nPublicKey = ${SERVER}\nName = laptop`,
    'line 8: another peer has the name laptop',
  ],
];

describe('settings that cannot be used', { concurrency: 4 }, () => {
  for (const [text, said] of UNUSABLE) {
    it(`unusable: ${JSON.stringify(text.slice(-50))}`, async () => {
      const path = settings(text);
      const { code, stdout, stderr } = await runCommand(['client', 'lo', '--config', path]);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.ok(stderr.startsWith(`error: ${path}, ${said}`), stderr);
      assert.equal(stderr.split('\n').length, 2, 'one line');
    });
  }
});

describe('settings of a client', () => {
  it('name the peers in --once output, reasons and log lines', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const path = settings(`[Client]\nServer = 127.0.0.1:9\nWg = ${wg}\n${PEERS}`);
      const once = ['--once', '--timeout', '1'];
      const { code, stdout, stderr } = await runCommand([
        'client',
        'lo',
        '--config',
        path,
        ...once,
      ]);
      assert.equal(code, 3, stderr);
      assert.equal(stdout, 'laptop connected 192.0.2.1:5\n');
      assert.match(stderr, /info {2}peer laptop: connected, endpoint 192\.0\.2\.1:5/);
      assert.match(stderr, /^peer phone of Ann: no fresh handshake: /m);
      assert.ok(!stderr.includes(LACKING.slice(0, 8)), stderr);
      const json = ['--log-format', 'json'];
      const logged = await runCommand(['client', 'lo', '--config', path, ...once, ...json]);
      const entry = JSON.parse(logged.stderr.split('\n')[0]!) as Record<string, unknown>;
      assert.deepEqual([entry['name'], entry['peer']], ['laptop', CONNECTED]);
    }));

  it('lose to the command line', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const text = `[Client]\nServer = 127.0.0.1:1\nLogLevel = silent\nWg = ${wg}\nPeer = ${LACKING}\n`;
      const path = settings(text);
      const plain = await runCommand([
        'client',
        'lo',
        '--config',
        path,
        '--once',
        '--timeout',
        '0',
      ]);
      assert.doesNotMatch(plain.stderr, / info /);
      assert.doesNotMatch(plain.stderr, new RegExp(CONNECTED.slice(0, 8)), 'Peer =');
      const given = ['--log-level', 'info', '--peer', CONNECTED, '--once', '--peers-only'];
      const over = await runCommand(['client', 'lo', '127.0.0.1:9', '--config', path, ...given]);
      assert.equal(over.code, 0, over.stderr);
      assert.match(over.stderr, / info .*connected/);
      assert.equal(over.stdout, `${CONNECTED.slice(0, 8)} connected 192.0.2.1:5\n`);
    }));

  it('have a server with its key, and may have several', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const server = `${LACKING}@127.0.0.1:9`;
      const path = settings(`[Client]\nServer = ${server}\nServer = ${server}0\nWg = ${wg}\n`);
      const once = ['--once', '--timeout', '1', '--log-level', 'silent'];
      // The stand-in for wg has no private key, which only the sealed protocol needs.
      const { stderr } = await runCommand(['client', 'lo', '--config', path, ...once]);
      assert.match(stderr, /private key/);
      const plain = settings(`[Client]\nServer = 127.0.0.1:9\nWg = ${wg}\n`);
      const classic = await runCommand(['client', 'lo', '--config', plain, ...once]);
      assert.doesNotMatch(classic.stderr, /private key/);
    }));

  it('are read again on SIGHUP: names change, and a bad file changes nothing', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const text = `[Client]\nServer = 127.0.0.1:9\nWg = ${wg}\n`;
      const path = settings(text + PEERS);
      await using client = new ClientProcess(['client', 'lo', '--config', path]);
      await client.until(() => client.stderr.includes('peer phone of Ann'));
      writeFileSync(path, `${text}Refresh = 7\n${PEERS.replace('laptop', 'notebook')}`);
      client.child.kill('SIGHUP');
      await client.until(() => client.stderr.includes('read again: 2 peers have names; other'));
      writeFileSync(path, `${text}Refesh = 7\n`);
      client.child.kill('SIGHUP');
      await client.until(() => /line 4: .* Refesh.*the settings before stay/.test(client.stderr));
      assert.deepEqual(await client.stop(), [0, null]);
    }));

  it('are refused where other users can write them', async () => {
    const open = settings('[Client]\nServer = h\n');
    chmodSync(open, 0o666);
    const foreign = settings('[Client]\nServer = h\n');
    chownSync(foreign, 65534, 65534);
    for (const [path, said] of [
      [open, 'other users can write to'],
      [foreign, 'user 65534 owns'],
    ] as const) {
      const { code, stderr } = await runCommand(['client', 'lo', '--config', path]);
      assert.equal(code, 2);
      assert.ok(stderr.startsWith(`error: ${said} ${path}`), stderr);
    }
  });

  it('of other commands are skipped', () =>
    withWg(TWO_PEERS, async (_folder, wg) => {
      const path = settings(
        `[DnsServer]\nZone = a\n[Client]\nServer = h\n[DnsClient]\nNonsense = 1`,
      );
      const { stderr } = await runCommand([
        ...clientArguments(wg, '--config', path),
        ...['--once', '--timeout', '0'],
      ]);
      assert.doesNotMatch(stderr, /^error/m);
    }));
});

describe('settings of servers', () => {
  it('server: options of all kinds', async () => {
    const list = settings(`${LACKING}\n`);
    const path = settings(
      `[Server]\nKey = ${join(folder, 'key')}\nAllow = ${list}\nSealedOnly = yes\nMaxPeers = 9\n` +
        'Metrics = 127.0.0.1:0\nLogLevel = warn\n',
    );
    await using server = new ServerProcess('--config', path);
    await server.port();
    await server.port();
    assert.ok((await server.port('metrics')) > 0);
    assert.match(await server.line(), /^public key /);
    server.child.kill('SIGTERM');
    assert.match(await server.line(), /sealed: /);
  });

  it('server: an unknown key, and one that only the sealed protocol has', async () => {
    const unknown = settings('[Server]\nMaxPeer = 9\n');
    const { code, stderr } = await runCommand(['server', '--config', unknown]);
    assert.equal(code, 2);
    assert.ok(stderr.startsWith(`error: ${unknown}, line 2: [Server] has no key MaxPeer: known`));
    const off = settings('[Server]\nSealedOnly = no\nListen = 127.0.0.1:0\nListen = 127.0.0.1:x\n');
    const second = await runCommand(['server', '--config', off]);
    assert.match(second.stderr, /line 4: Listen = 127\.0\.0\.1:x: /);
  });

  it('dns server: required options may be in the file', async () => {
    const args = ['dns', 'server', '--interface', 'lo'];
    const without = await runCommand([...args, '--config', settings('[DnsServer]\n')]);
    assert.match(without.stderr, /required option '--zone <zone>' not specified/);
    const both = settings('[DnsServer]\nZone = a\nPublic = yes\nTunnelOnly = yes\n');
    const refused = await runCommand([...args, '--config', both]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /line 1: TunnelOnly and Public cannot be used together/);
    const listen = settings('[DnsServer]\nZone = a\nPublic = yes\nListen = 192.0.2.1:53\n');
    const found = await runCommand([...args, '--config', listen, '--log-level', 'error']);
    assert.match(found.stderr, /cannot listen on 192\.0\.2\.1:53/);
  });
});
