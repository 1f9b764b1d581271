import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Status } from '../../src/client/status/status.js';
import { outcome, run } from '../../src/lab/command.js';
import { createLab, type LabHost, LabProcess, until } from '../../src/lab/index.js';
import { TemporaryFolder } from '../../src/lab/temporary-folder.js';
import { statusErrors } from '../client/status-schema.js';
import { connected } from '../netns/our-programs.js';
import { classicRequest } from './classic-request.js';
import { Debian } from './debian.js';
import { CHECKOUT, makePackages, pinnedNode, VERSION } from './packages.js';
import { RunningServer } from './running-server.js';

const MAX_DEB_BYTES = 45e6;
const KEY = '/var/lib/wg-rendezvous-server/server.key';
const SETTINGS = '/etc/wg-rendezvous/server.conf';

type Made = Awaited<ReturnType<typeof makePackages>>;

/** The same package as a later version, which is packed without compression. */
async function laterVersion(deb: string, folder: TemporaryFolder): Promise<string> {
  const [tree, later] = [folder.file('tree'), folder.file('later.deb')];
  await run('dpkg-deb', ['--raw-extract', deb, tree], { timeoutMs: 60_000 });
  const control = join(tree, 'DEBIAN/control');
  const text = readFileSync(control, 'utf8');
  writeFileSync(control, text.replace(/^Version: .*$/m, `Version: ${VERSION}+later`));
  await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, later], {
    timeoutMs: 60_000,
  });
  return later;
}

describe('the Debian package', () => {
  let made: Made;
  before(async () => {
    made = await makePackages();
  });

  it(`takes at most ${MAX_DEB_BYTES / 1e6} MB, and says what it needs`, async () => {
    for (const file of [...Object.values(made.deb), ...Object.values(made.tar)]) {
      const { size } = statSync(file);
      assert.ok(size > 10e6 && size <= MAX_DEB_BYTES, `${file}: ${size} bytes`);
    }
    for (const [arch, file] of Object.entries(made.deb)) {
      const fields = ['Architecture', 'Version', 'Depends', 'Suggests'];
      const text = await run('dpkg-deb', ['--field', file, ...fields]);
      assert.match(text, new RegExp(`^Architecture: ${arch}$`, 'm'));
      assert.match(text, new RegExp(`^Version: ${VERSION}$`, 'm'));
      assert.match(text, /^Depends: wireguard-tools, /m);
      assert.match(text, /^Suggests: nftables$/m);
    }
  });

  it('has what the build makes: units, man pages, completions, licences', async () => {
    for (const file of Object.values(made.deb)) {
      const listing = await run('dpkg-deb', ['--contents', file], { timeoutMs: 60_000 });
      const has = (path: string): void => assert.ok(listing.includes(` .${path}`), path);
      has('/usr/share/doc/wg-rendezvous/copyright');
      has('/usr/share/doc/wg-rendezvous/LICENSE.node');
      has('/usr/share/doc/wg-rendezvous/THIRD-PARTY');
      has('/etc/wg-rendezvous/');
      for (const unit of filesOf('units').filter((name) => name.endsWith('.service'))) {
        has(`/usr/lib/systemd/system/${unit}`);
      }
      for (const page of filesOf('dist/man')) {
        has(`/usr/share/man/man${page.slice(-1)}/${page}.gz`);
      }
      if (filesOf('dist/completion').length > 0) {
        has('/usr/share/bash-completion/completions/wg-rendezvous');
        has('/usr/share/zsh/vendor-completions/_wg-rendezvous');
        has('/usr/share/fish/vendor_completions.d/wg-rendezvous.fish');
      }
    }
  });

  it('passes lintian', async () => {
    const args = ['--allow-root', '--fail-on', 'error,warning', '--tag-display-limit', '0'];
    const { code, stdout, stderr } = await outcome(
      'lintian',
      [...args, ...Object.values(made.deb)],
      {
        timeoutMs: 180_000,
      },
    );
    assert.equal(code, 0, stdout + stderr);
  });

  describe('on a Debian 12 without Node and compiler', () => {
    const folder = new TemporaryFolder('deb-package');
    let debian: Debian;
    let earlier: readonly string[];
    before(async () => {
      debian = await Debian.unpack();
      for (const name of ['node', 'g++', 'gcc', 'cc', 'make', 'python3']) {
        assert.ok(!existsSync(debian.path(`usr/bin/${name}`)), name);
      }
      earlier = await debian.files();
      assert.ok(earlier.length > 1000);
    });
    after(() => {
      debian[Symbol.dispose]();
      folder[Symbol.dispose]();
    });

    it('is installed, and connects two peers behind NATs, in both protocols', async () => {
      await debian.run('dpkg', '--install', debian.bring(made.deb.amd64, 'tmp/new.deb'));
      assert.equal((await debian.run('wg-rendezvous', '--version')).trim(), VERSION);
      for (const isSealed of [false, true]) {
        await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } } });
        const server = debian.spawn(
          lab.rendezvous,
          'wg-rendezvous',
          'server',
          ...(isSealed ? ['--key', KEY] : []),
        );
        await server.waitForOutput(/listening on \[/);
        const key = isSealed ? await debian.run('wg-rendezvous', 'pubkey', '--key', KEY) : '';
        for (const name of ['a', 'b'] as const) {
          const host = lab.host(name);
          debian.spawn(
            host,
            'wg-rendezvous',
            'client',
            host.wireguard.interface,
            lab.rendezvous.address,
            ...(isSealed ? ['--server-key', key.trim()] : []),
          );
        }
        await connected(lab, ['a', 'b']);
        assert.doesNotMatch(server.stderr, /addon/);
      }
    });

    it('shows, checks and tests a pair: status, check, --background, --once, --peers-only', async () => {
      await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } } });
      const [a, b] = [lab.host('a'), lab.host('b')];
      const name = a.wireguard.interface;
      const on = (host: LabHost, ...args: string[]) =>
        debian.outcomeOn(host, 'wg-rendezvous', ...args);
      const server = debian.spawn(lab.rendezvous, 'wg-rendezvous', 'server', '--key', KEY);
      const [, key] = await server.waitForOutput(/public key (\S+)/);
      await server.waitForOutput(/listening on \[/);
      const address = `${key}@${lab.rendezvous.address}`;
      const settings = debian.path(`etc/wg-rendezvous/${name}.conf`);
      const peer = `[Peer]\nPublicKey = ${b.wireguard.publicKey}\nName = laptop\n`;
      writeFileSync(settings, `[Client]\nServer = ${address}\n${peer}`);

      const daemon = await on(b, 'client', b.wireguard.interface, address, '--background');
      assert.deepEqual(daemon, { code: 0, stdout: '', stderr: '' });
      const once = await on(a, 'client', name, '--once');
      assert.equal(once.code, 0, once.stderr);
      assert.match(once.stdout, /^laptop connected 198\.51\.100\.\d+:51820\b/);
      const alone = await on(a, 'check', name);
      assert.match(alone.stdout, /client: no client runs on /);

      const client = debian.spawn(a, 'wg-rendezvous', 'client', name);
      await until('the direct path in its status', async () =>
        /path: direct/.test((await on(a, 'status', name)).stdout),
      );
      const { stdout } = await on(a, 'status', name);
      assert.match(stdout, new RegExp(`^interface: ${name}\n`));
      assert.match(stdout, /\npeer: laptop\n[\s\S]*\n {2}state: connected for /);
      const json = JSON.parse((await on(a, 'status', name, '--json')).stdout) as Status;
      assert.deepEqual(statusErrors(json), []);
      assert.deepEqual([json.version, json.servers[0]?.state], [VERSION, 'answers']);
      const checked = await on(a, 'check', name);
      assert.equal(checked.code, 0, checked.stdout);
      assert.match(checked.stdout, /client: pid \d+ runs, 1 of 1 peers connected/);
      assert.match(checked.stdout, /peer: laptop: connected, direct at 198\.51\.100\./);
      assert.deepEqual(await client.stop(), { code: 0, signal: null }, client.stderr);

      await server.stop();
      const unanswered = await on(a, 'client', name, '--once', '--timeout', '1');
      assert.equal(unanswered.code, 3);
      assert.match(unanswered.stderr, /the server has not answered: all peers were connected/);
      const peersOnly = await on(a, 'client', name, '--once', '--peers-only');
      assert.equal(peersOnly.code, 0, peersOnly.stderr);
      assert.match(peersOnly.stdout, /^laptop connected /);

      const pidFile = `/run/wg-rendezvous/${b.wireguard.interface}.pid`;
      await debian.run('sh', '-c', `kill "$(cat ${pidFile})"`);
      await until('the daemon to end', () => !existsSync(debian.path(pidFile)));
    });

    it('runs wherever its link is', async () => {
      await debian.run('ln', '-s', '/usr/bin/wg-rendezvous', '/tmp/link');
      assert.equal((await debian.run('/tmp/link', '--version')).trim(), VERSION);
      assert.equal((await debian.run('/bin/wg-rendezvous', '--version')).trim(), VERSION);
    });

    it('keeps key and settings when it is upgraded and removed, and nothing when purged', async () => {
      writeFileSync(debian.path(SETTINGS), '[Server]\n');
      const key = await debian.run('wg-rendezvous', 'pubkey', '--key', KEY);
      const later = await laterVersion(made.deb.amd64, folder);
      await debian.run('dpkg', '--install', debian.bring(later, 'tmp/later.deb'));
      const version = await debian.run(
        'dpkg-query',
        '-W',
        '-f',
        '$' + '{Version}',
        'wg-rendezvous',
      );
      assert.equal(version, `${VERSION}+later`);
      assert.equal(await debian.run('wg-rendezvous', 'pubkey', '--key', KEY), key);
      assert.equal(readFileSync(debian.path(SETTINGS), 'utf8'), '[Server]\n');

      await debian.run('dpkg', '--remove', 'wg-rendezvous');
      assert.ok(!existsSync(debian.path('usr/bin/wg-rendezvous')));
      assert.ok(!existsSync(debian.path('usr/lib/wg-rendezvous')));
      assert.ok(existsSync(debian.path(KEY)) && existsSync(debian.path(SETTINGS)));

      await debian.run('dpkg', '--purge', 'wg-rendezvous');
      assert.deepEqual(
        (await debian.files()).filter((file) => !earlier.includes(file)),
        [],
      );
    });

    it('unpacks as a .tar.xz too, anywhere', async () => {
      const target = debian.path('opt');
      await run('tar', ['-xJf', made.tar.x64, '-C', target], { timeoutMs: 60_000 });
      const program = `/opt/wg-rendezvous-${VERSION}-linux-x64/bin/wg-rendezvous`;
      assert.equal((await debian.run(program, '--version')).trim(), VERSION);
      const { stderr } = await debian.outcome(
        ...[program, 'client', 'lo', '127.0.0.1', '--once', '--timeout', '1'],
      );
      assert.match(stderr, /lo is not a WireGuard interface/);
    });

    it('as a .tar.xz has manual pages and completions where man and the shells look', async () => {
      const tree = debian.path(`opt/wg-rendezvous-${VERSION}-linux-x64`);
      const share = join(tree, 'share');
      const page = await run('man', ['-M', join(share, 'man'), 'wg-rendezvous-client']);
      assert.match(page, /^NAME\n +wg-rendezvous-client /m);
      const file = join(share, 'bash-completion/completions/wg-rendezvous');
      const bash = `source "$0" && complete -p wg-rendezvous`;
      assert.match(await run('bash', ['--norc', '-c', bash, file]), /-F _wg_rendezvous /);
      const zsh = `fpath=(${share}/zsh/site-functions $fpath)
        autoload -Uz compinit && compinit -u -D && print $_comps[wg-rendezvous]`;
      assert.equal(await run('zsh', ['-f', '-c', zsh]), '_wg-rendezvous\n');
      const path = `PATH=${join(tree, 'bin')}:${process.env['PATH']}`;
      const fish = ['fish', '-c', "complete -C 'wg-rendezvous dns '"];
      const found = await run('env', [`XDG_DATA_DIRS=${share}`, path, ...fish]);
      assert.match(found, /^keygen\b/m);
    });

    it('opens no inspector on SIGUSR1, not even before it has read the program', async () => {
      const program = debian.path(`opt/wg-rendezvous-${VERSION}-linux-x64/bin/wg-rendezvous`);
      for (let ms = 0; ms < 60; ms += 3) {
        await using version = new LabProcess(program, ['--version']);
        await wait(ms);
        version.kill('SIGUSR1');
        await version.exited;
        assert.doesNotMatch(version.stderr, /[Dd]ebugger/, `after ${ms} ms`);
      }
    });

    it('and the npm package run there too, with the Node of another package', async () => {
      const prefix = folder.file('prefix');
      mkdirSync(prefix);
      const install = ['install', '--global', '--offline', '--prefix', prefix, made.npm];
      await run('npm', install, { timeoutMs: 60_000 });
      debian.bring(join(prefix, 'lib/node_modules/wg-rendezvous'), 'opt/npm');
      debian.bring(pinnedNode('x64', 20), 'opt/node');
      const { stderr } = await debian.outcome(
        ...['/opt/node', '/opt/npm/dist/bin/wg-rendezvous.js', 'client', 'lo', '127.0.0.1'],
        ...['--once', '--timeout', '1'],
      );
      assert.match(stderr, /lo is not a WireGuard interface/);
      assert.doesNotMatch(stderr, /addon/);
    });
  });
});

describe('the arm64 package, on an emulated processor', () => {
  const folder = new TemporaryFolder('arm64');
  const lib = folder.file('usr/lib/wg-rendezvous');
  const program = join(lib, 'dist/bin/wg-rendezvous.js');
  /** Runs its Node with the C libraries of Debian's cross compiler. */
  const emulated = ['-L', '/usr/aarch64-linux-gnu', join(lib, 'bin/node')];
  before(async () => {
    const { deb } = await makePackages();
    const target = folder.file('');
    await run('dpkg-deb', ['--extract', deb.arm64, target], { timeoutMs: 60_000 });
  });
  after(() => folder[Symbol.dispose]());

  it('serves both protocols with its own addons', async () => {
    const options = ['--key', folder.file('key')];
    await using server = await RunningServer.start(
      'qemu-aarch64-static',
      [...emulated, program],
      options,
    );
    assert.equal(await classicRequest(server.port), 6);
    assert.match(server.output, /public key [A-Za-z0-9+/]{43}=/);
    assert.doesNotMatch(server.output, /addon/);
  });

  it('has an addon with all that the program uses', async () => {
    const addon = join(lib, 'prebuilds/linux-arm64/wg_rendezvous.node');
    const members = new URL('../../src/socket/addon-members.js', import.meta.url).href;
    const script = `import(${JSON.stringify(members)}).then(({ missingMembers }) => {
      const addon = require(${JSON.stringify(addon)});
      console.log(process.arch, missingMembers(addon).length, addon.interfaceIndex('lo'));
    })`;
    const args = [...emulated, '-e', script];
    const { stdout, stderr } = await outcome('qemu-aarch64-static', args, { timeoutMs: 60_000 });
    assert.match(stdout, /^arm64 0 \d+\n$/, stderr);
  });

  it('does the cryptography of the sealed protocol', async () => {
    const tests = readdirSync(join(CHECKOUT, 'dist/test/sealed'))
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => join(CHECKOUT, 'dist/test/sealed', name));
    assert.ok(tests.length > 3);
    await runTests(emulated, tests);
  });

  it('filters, sends and receives with raw sockets', async () => {
    const preloaded = folder.file('emulated-options.so');
    const source = join(CHECKOUT, 'test/package/emulated-options.cc');
    const flags = ['-shared', '-fPIC', '-Wall', '-Wextra', '-Werror'];
    await run('aarch64-linux-gnu-g++', [...flags, '-o', preloaded, source]);
    const names = ['raw-socket', 'raw-socket-race', 'raw-socket-defence'];
    const tests = names.map((name) => join(CHECKOUT, `dist/test/native/${name}.test.js`));
    await runTests(
      ['-E', `LD_PRELOAD=${preloaded}`, ...emulated, '--test-skip-pattern=fragments'],
      tests,
    );
  });
});

/** Only the loopback interface, with a route to everywhere. */
const NETWORK = 'ip link set lo up && ip route add default dev lo';

/** Runs test files under qemu, in a network of their own. */
async function runTests(args: readonly string[], tests: readonly string[]): Promise<void> {
  const emulator = ['env', 'NODE_TEST_CONTEXT=', 'qemu-aarch64-static', ...args];
  const command = [...emulator, '--test', '--test-isolation=none', ...tests];
  const { code, stdout } = await outcome(
    'unshare',
    ['--net', 'sh', '-c', `${NETWORK} && exec "$@"`, 'sh', ...command],
    { timeoutMs: 300_000 },
  );
  assert.equal(code, 0, stdout.slice(-3000));
  assert.match(stdout, /pass [1-9]\d/);
}

/** The files in a folder of the checkout; none if it does not exist. */
function filesOf(folder: string): string[] {
  const path = join(CHECKOUT, folder);
  return existsSync(path) ? readdirSync(path) : [];
}
