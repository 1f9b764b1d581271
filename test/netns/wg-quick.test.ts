import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pidFile } from '../../src/cli/daemon.js';
import { type CommandResult, outcome, run } from '../../src/lab/command.js';
import { until } from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';
import { enterOwnNetwork } from '../own-network.js';

const NAME = 'wgquick0';
/** The pair of docs/services.md; nobody answers at the server's address. */
const PROGRAM_LINE = `${process.execPath} ${PROGRAM}`;
const SERVER = '127.0.0.1:9';
const DOCUMENTED_SERVER = 'KEY@rv.example.org';
const POST_UP = `PostUp = ${PROGRAM_LINE} client %i ${SERVER} --background || :`;
const PRE_DOWN = `PreDown = kill "$(cat ${pidFile('%i')})" || :`;

await enterOwnNetwork();

const folder = mkdtempSync(join(tmpdir(), 'wg-rendezvous-quick-'));
const config = join(folder, `${NAME}.conf`);
after(() => rmSync(folder, { recursive: true }));

let keys: readonly [own: string, peer: string];
before(async () => {
  const peer = await run('wg', ['pubkey'], { input: await run('wg', ['genkey']) });
  keys = [(await run('wg', ['genkey'])).trim(), peer.trim()];
});

/** `wg-quick up`, with these hooks. */
function up(...hooks: string[]): Promise<CommandResult> {
  const text = `[Interface]
PrivateKey = ${keys[0]}
ListenPort = 51898
Address = 10.98.0.1/24
${hooks.join('\n')}
[Peer]
PublicKey = ${keys[1]}
AllowedIPs = 10.98.0.2/32
`;
  writeFileSync(config, text, { mode: 0o600 });
  return outcome('wg-quick', ['up', config]);
}

const down = () => outcome('wg-quick', ['down', config]);
const isThere = async () => (await outcome('ip', ['link', 'show', NAME])).code === 0;
const isRunning = (pid: number) => existsSync(`/proc/${pid}`);

describe('the hooks of wg-quick on a host without systemd', () => {
  it('are those of docs/services.md', () => {
    const page = readFileSync(new URL('../../../docs/services.md', import.meta.url), 'utf8');
    const documented = POST_UP.replace(PROGRAM_LINE, 'wg-rendezvous').replace(
      SERVER,
      DOCUMENTED_SERVER,
    );
    assert.ok(page.includes(`[Interface]\n${documented}\n${PRE_DOWN}\n`));
  });

  it('start a client and end it with the interface, though the peer is away', async () => {
    const { code, stderr } = await up(POST_UP, PRE_DOWN);
    assert.equal(code, 0, stderr);
    assert.ok(await isThere());
    const pid = Number(readFileSync(pidFile(NAME), 'latin1'));
    assert.ok(isRunning(pid));
    assert.equal((await down()).code, 0);
    assert.ok(!(await isThere()));
    await until('the client to end', async () => !isRunning(pid));
    assert.ok(!existsSync(pidFile(NAME)));
  });

  it('leave the interface alone when the client cannot be started, or runs already', async () => {
    for (const hooks of [
      [POST_UP.replace('127.0.0.1:9', 'bad..host'), PRE_DOWN],
      [POST_UP, POST_UP.replace(' || :', ''), PRE_DOWN],
    ]) {
      const { code, stderr } = await up(...hooks);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /expected HOST|a client \(pid \d+\) manages wgquick0 already/);
      assert.ok(await isThere());
      assert.equal((await down()).code, 0);
    }
  });

  it('are not --once, with which wg-quick deletes the interface when the peer is away', async () => {
    const once = `PostUp = ${PROGRAM_LINE} client %i 127.0.0.1:9 --once --timeout 1`;
    assert.equal((await up(once)).code, 3);
    assert.ok(!(await isThere()));
  });
});
