import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../../src/lab/command.js';
import { until } from '../../src/lab/index.js';
import { ProgramWithoutAddon } from '../cli/program-without-addon.js';
import { pinnedNode } from '../package/packages.js';
import { ROOT, Systemd } from './systemd.js';

/** Also the name of the interface. */
const NAME = 'wgsd0';

const CLIENT = `wg-rendezvous@${NAME}`;
const QUICK = `wg-quick@${NAME}`;
const SERVER = 'wg-rendezvous-server';

describe('the units under systemd', () => {
  let systemd: Systemd;
  let peer = '';
  before(async () => {
    const privateKey = (await run('wg', ['genkey'])).trim();
    const key = async () =>
      (await run('wg', ['pubkey'], { input: await run('wg', ['genkey']) })).trim();
    peer = await key();
    systemd = new Systemd({
      [`wireguard/${NAME}.conf`]: `[Interface]
PrivateKey = ${privateKey}
ListenPort = 51899
Address = 10.99.0.1/24
PostUp = systemctl start --no-block wg-rendezvous@%i || :
PreDown = systemctl stop wg-rendezvous@%i || :
[Peer]
PublicKey = ${peer}
AllowedIPs = 10.99.0.2/32
`,
      [`wg-rendezvous/${NAME}.conf`]: `[Client]
Server = 127.0.0.1
Metrics = 127.0.0.1:9586
[Peer]
PublicKey = ${peer}
Name = laptop
[DnsServer]
Zone = example.com
`,
      'wg-rendezvous/server.conf': '[Server]\nMetrics = 127.0.0.1:9587\n',
    });
    await systemd.started();
  });
  after(() => systemd[Symbol.asyncDispose]());

  it('server: runs as a user of its own, makes its key once, and reloads', async () => {
    await systemd.run('systemctl', 'start', SERVER);
    await systemd.until(SERVER, 'StatusText', /^0 classic peers, 0 sealed clients$/);
    const [, first] = /public key (\S+)/.exec(await systemd.log(SERVER)) ?? [];
    const key = '/var/lib/private/wg-rendezvous-server/server.key';
    assert.match(await systemd.run('stat', '-c', '%a %U', key), /^600 wg-rendezvous-server$/m);
    await systemd.run('systemctl', 'restart', SERVER);
    const keys = (await systemd.log(SERVER)).match(/public key \S+/g);
    assert.deepEqual(keys, Array(2).fill(`public key ${first}`));
    await systemd.run('systemctl', 'reload', SERVER);
    assert.equal((await systemd.run('systemctl', 'is-active', SERVER)).trim(), 'active');
    const pid = (await systemd.run('systemctl', 'show', '--value', '-p', 'MainPID', SERVER)).trim();
    const status = await systemd.run('cat', `/proc/${pid}/status`);
    assert.match(status, /^CapBnd:\s0+$/m);
    assert.match(status, /^NoNewPrivs:\s1$/m);
  });

  it('server without the addon: tells systemd by systemd-notify', async () => {
    using program = new ProgramWithoutAddon();
    const modules = `/var/lib/checkout/node_modules:${join(ROOT, 'node_modules')}`;
    const paths = [program.folder, modules].map((it) => `BindReadOnlyPaths=${it}`);
    const start = ['ExecStart=', `ExecStart=${program.path} server`, 'TimeoutStartSec=20'];
    await systemd.override(SERVER, [...start, ...paths]);
    await systemd.run('chmod', '755', program.folder);
    await systemd.run('systemctl', 'restart', SERVER);
    assert.match(await systemd.log(SERVER), /the addon was not built/);
    await systemd.until(SERVER, 'StatusText', /^0 classic peers/);
    await systemd.restore(SERVER);
    await systemd.run('systemctl', 'restart', SERVER);
  });

  it('client: starts and ends with wg-quick@, by the documented hooks', async () => {
    await systemd.run('systemctl', 'start', QUICK);
    await systemd.until(CLIENT, 'ActiveState', /^active$/);
    await systemd.until(CLIENT, 'StatusText', /^0 of 1 peers connected/);
    const { stdout } = await systemd.outcome('journalctl', '--no-pager', '-u', CLIENT);
    assert.match(stdout, /metrics on 127\.0\.0\.1:9586/);
    await until('the server to answer', async () =>
      /peer laptop: unknown, the server does not know it/.test(await systemd.log(CLIENT)),
    );
    const pid = (await systemd.run('systemctl', 'show', '--value', '-p', 'MainPID', CLIENT)).trim();
    const status = await systemd.run('cat', `/proc/${pid}/status`);
    assert.match(status, /^CapEff:\s0000000000003000$/m, 'CAP_NET_ADMIN and CAP_NET_RAW');
    await systemd.run('systemctl', 'reload', CLIENT);
    await until('the file to be read again', async () =>
      /conf read again: 1 peers have names/.test(await systemd.log(CLIENT)),
    );
    await systemd.run('systemctl', 'stop', QUICK);
    assert.match((await systemd.outcome('systemctl', 'is-active', CLIENT)).stdout, /^inactive/);
  });

  it('client: the same by hand, and a client that fails leaves the interface alone', async () => {
    await systemd.run('wg-quick', 'up', NAME);
    await systemd.until(CLIENT, 'ActiveState', /^active$/);
    await systemd.run('wg-quick', 'down', NAME);
    assert.match((await systemd.outcome('systemctl', 'is-active', CLIENT)).stdout, /^inactive/);
    await systemd.run('cp', '/dev/null', `/etc/wg-rendezvous/${NAME}.conf`);
    await systemd.run('wg-quick', 'up', NAME);
    await systemd.until(CLIENT, 'ActiveState', /^failed$/);
    assert.match(await systemd.log(CLIENT), /error: there is no server: give it behind/);
    await systemd.run('ip', 'link', 'show', NAME);
    await systemd.run('wg-quick', 'down', NAME);
  });

  it('client: without hooks, enabled', async () => {
    const text = `[Client]\\nServer = 127.0.0.1\\n[DnsServer]\\nZone = example.com\\n`;
    await systemd.run('bash', '-c', `printf '${text}' >/etc/wg-rendezvous/${NAME}.conf`);
    await systemd.run('sed', '-i', '/systemctl/d', `/etc/wireguard/${NAME}.conf`);
    await systemd.run('systemctl', 'enable', CLIENT);
    await systemd.run('systemctl', 'start', QUICK);
    await systemd.until(CLIENT, 'ActiveState', /^active$/);
    await systemd.run('systemctl', 'restart', QUICK);
    await systemd.until(CLIENT, 'ActiveState', /^active$/);
  });

  for (const [kind, command] of [
    ['client', 'client %i'],
    ['dns', 'dns server --interface %i'],
  ] as const) {
    it(`${kind}: keeps the compiled program in a cache folder of its own`, async () => {
      const unit = kind === 'client' ? CLIENT : `wg-rendezvous-${kind}@${NAME}`;
      const start = `${pinnedNode('x64', 24)} /usr/bin/wg-rendezvous ${command}`;
      await systemd.override(unit, ['ExecStart=', `ExecStart=${start}`]);
      await systemd.run('systemctl', 'start', QUICK);
      await systemd.run('systemctl', 'restart', unit);
      const folder = `/var/cache/wg-rendezvous/${kind}`;
      const pid = (await systemd.run('systemctl', 'show', '--value', '-p', 'MainPID', unit)).trim();
      const other = '/var/cache/wg-rendezvous/of-root';
      const { stderr } = await systemd.outcome('nsenter', '-t', pid, '-m', 'touch', other);
      assert.match(stderr, /Read-only file system/);
      // Node writes it when it ends.
      await systemd.run('systemctl', 'stop', unit);
      assert.match(await systemd.run('find', folder, '-type', 'f'), /^\/\S+$/m);
      assert.equal((await systemd.run('stat', '-c', '%a %U', folder)).trim(), '700 root');
      await systemd.restore(unit);
    });
  }

  it('dns server: listens in the tunnel', async () => {
    await systemd.run('systemctl', 'start', `wg-rendezvous-dns@${NAME}`);
    assert.match(await systemd.log(`wg-rendezvous-dns@${NAME}`), /listening on 10\.99\.0\.1:53/);
    await systemd.run('systemctl', 'stop', QUICK);
    const { stdout } = await systemd.outcome('systemctl', 'is-active', `wg-rendezvous-dns@${NAME}`);
    assert.match(stdout, /^inactive/);
  });
});
