import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCommand } from './run-command.js';

const directory = mkdtempSync(join(tmpdir(), 'wg-rendezvous-keygen-'));
const key = join(directory, 'key.pem');
after(() => rmSync(directory, { recursive: true }));

test('dns keygen makes a key once, prints its records each time, and never the key', async () => {
  const first = await runCommand(['dns', 'keygen', '--zone', 'Vpn.example', '--key', key]);
  assert.equal(first.code, 0, first.stderr);
  assert.match(
    first.stdout,
    /^vpn\.example\. IN DNSKEY 257 3 13 [\w+/]{86}==\nvpn\.example\. IN DS \d+ 13 2 [0-9A-F]{64}\n$/,
  );
  assert.match(first.stderr, /made the key file .*key\.pem/);
  assert.equal(statSync(key).mode & 0o777, 0o600);
  const secret = readFileSync(key, 'utf8').split('\n')[1] ?? '';
  assert.ok(secret.length > 60 && !(first.stdout + first.stderr).includes(secret));
  const second = await runCommand(['dns', 'keygen', '--zone', 'vpn.example', '--key', key]);
  assert.deepEqual(second, { code: 0, stdout: first.stdout, stderr: '' });
});

test('a key file that others can read is refused in one line, by the server too', async () => {
  chmodSync(key, 0o644);
  for (const args of [
    ['dns', 'keygen', '--zone', 'vpn.example', '--key', key],
    ['dns', 'server', '--zone', 'vpn.example', '--interface', 'none', '--dnssec', key],
  ]) {
    const { code, stdout, stderr } = await runCommand(args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^error: [^\n]* is open to others \(mode 0644\): chmod 600 [^\n]*\n$/);
  }
});
