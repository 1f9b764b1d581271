import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { formatPublicKey } from '../../src/wire/key.js';
import { key } from '../server/requests.js';
import { runCommand } from './run-command.js';
import { ServerProcess } from './server-process.js';

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-server-'));
after(() => rmSync(folder, { recursive: true }));

const KEY_LINE = /^public key ([A-Za-z0-9+/]{43}=)$/;

describe('the server command with a key', () => {
  it('makes the key, prints the public one, and pubkey prints the same', async () => {
    const path = join(folder, 'made', 'key');
    await using server = new ServerProcess('--key', path);
    await server.line();
    await server.line();
    const shown = KEY_LINE.exec(await server.line())?.[1];
    assert.ok(shown);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await runCommand(['pubkey', '--key', path]), {
      code: 0,
      stdout: `${shown}\n`,
      stderr: '',
    });
    server.child.kill('SIGTERM');
    assert.match(await server.line(), /^counts: .*; sealed: malformed 0, .* clients 0, /);
  });

  it('says whether it relays, counts it, and serves its metrics', async () => {
    const args = ['--relay', '--relay-ports', '49970-49971', '--metrics', '127.0.0.1:0'];
    await using server = new ServerProcess('--key', join(folder, 'relay'), ...args);
    await server.line();
    await server.line();
    const metrics = await server.port('metrics');
    assert.match(
      await server.line(),
      /^public key [A-Za-z0-9+/]{43}= \(relays on ports 49970-49971\)$/,
    );
    assert.match(
      await server.logLine(/sealed protocol/),
      /--server-key \S{44}; relays on ports 49970-49971$/,
    );
    const response = await fetch(`http://127.0.0.1:${metrics}/metrics`);
    const text = await response.text();
    for (const line of [
      'wg_rendezvous_relay_pairs 0',
      'wg_rendezvous_relay_bytes_total 0',
      'wg_rendezvous_relay_dropped_total{cause="pair_rate"} 0',
    ]) {
      assert.ok(text.includes(`\n${line}\n`), line);
    }
    server.child.kill('SIGTERM');
    assert.match(await server.line(), /^counts: .*; sealed: .*; relay: forwarded 0, /);
  });

  for (const [what, options, may] of [
    ['clients', ['--allow'], 'register'],
    [
      'relayed pairs',
      ['--relay', '--relay-ports', '47110-47111', '--relay-allow'],
      'use the relay',
    ],
  ] as const) {
    it(`reads the list of ${what} again on SIGHUP, and keeps the old one where the new one is bad`, async () => {
      const list = join(folder, 'list');
      writeFileSync(list, `${formatPublicKey(key(1))}\n`);
      await using server = new ServerProcess('--key', join(folder, 'listed'), ...options, list);
      for (let i = 0; i < 3; i++) {
        await server.line();
      }
      const said = async (change: string, expected: RegExp) => {
        writeFileSync(list, change);
        server.child.kill('SIGHUP');
        assert.match(await server.logLine(expected), expected);
      };
      await said(
        '# all\nnonsense\n',
        /error .*list, line 2: a key has 32 bytes, got 6; the list before stays$/,
      );
      await said('', new RegExp(`info .*list read again: 0 keys may ${may}$`));
    });
  }

  it('refuses unusable arguments, in one line, with exit code 2', async () => {
    const open = join(folder, 'open');
    writeFileSync(open, `${'A'.repeat(43)}=\n`, { mode: 0o644 });
    const list = join(folder, 'bad-list');
    writeFileSync(list, '\nx\n');
    for (const [args, says] of [
      [['server', '--key', open], /open to others/],
      [['server', '--key', folder], /is not a regular file/],
      [['server', '--sealed-only'], /add --key FILE/],
      [['server', '--allow', list], /add --key FILE/],
      [['server', '--key', join(folder, 'k'), '--allow', list], /bad-list, line 2: not a key/],
      [['server', '--key', join(folder, 'k'), '--allow', `${list}-absent`], /ENOENT/],
      [['server', '--relay'], /^error: --relay .*add --key FILE/],
      [['server', '--key', join(folder, 'k'), '--relay-rate', '1M'], /--relay-rate .*add --relay/],
      [
        ['server', '--key', join(folder, 'k'), '--relay-allow', list],
        /--relay-allow .*add --relay/,
      ],
      [
        ['server', '--key', join(folder, 'k'), '--relay', '--relay-allow', list],
        /bad-list, line 2: not a key/,
      ],
      [['server', '--relay-ports', '5'], /expected FIRST-LAST/],
      [['server', '--relay-ports', '9-8'], /expected FIRST-LAST/],
      [['server', '--relay-ports', '1-65536'], /expected FIRST-LAST/],
      [['server', '--relay-ports', '1-1025'], /at most 1024 ports, got 1025/],
      [['server', '--relay-rate', '10m'], /as 500k or 10M/],
      [['server', '--relay-total', '999'], /from 1k/],
      [['server', '--max-wanted', '0'], /from 1 to 65535/],
      [['server', '--handshake-rate', '-1'], /from 0 to/],
      [['server', '--client-rate', 'x'], /from 0 to/],
      [['pubkey', '--key', join(folder, 'absent')], /ENOENT.*the server creates it/],
      [['pubkey'], /--key/],
    ] as const) {
      const { code, stdout, stderr } = await runCommand(args);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, says);
      assert.match(stderr, /^error: [^\n]+\n$/);
      assert.equal(stdout, '');
    }
    assert.throws(() => statSync(join(folder, 'k')), 'no key is made for nothing');
  });
});
