import assert from 'node:assert/strict';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { outcome } from '../../src/lab/command.js';
import { createLab, type LabHost, LabProcess, until } from '../../src/lab/index.js';
import { TemporaryFolder } from '../../src/lab/temporary-folder.js';
import { connected } from '../netns/our-programs.js';
import { Debian } from './debian.js';
import { makePackages } from './packages.js';

const NOBODY = 65_534;
/** Runs crun where it sees only one kind of control groups: it refuses hosts that have both. */
const CRUN = `umount --recursive /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
  exec crun --cgroup-manager=disabled "$@"`;
const crun = (...args: string[]) =>
  ['--mount', '--propagation', 'private', 'sh', '-c', CRUN, 'sh', ...args] as const;
/** What docker and podman mount into every container. */
const MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
  { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev'] },
  { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev'] },
];
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`);

interface ContainerOptions {
  readonly args: readonly string[];
  readonly user: number;
  readonly capabilities: readonly string[];
  /** Writable folders of the host, by mount point. */
  readonly volumes?: Readonly<Record<string, string>>;
}

/** A container of the Debian folder, read-only, in the network of a host of the lab. */
class Container implements AsyncDisposable {
  readonly id: string;
  readonly process: LabProcess;

  constructor(folder: string, root: string, host: LabHost, options: ContainerOptions) {
    const { args, user, capabilities, volumes = {} } = options;
    this.id = `wgr-${process.pid}-${host.name}`;
    const bundle = join(folder, this.id);
    mkdirSync(bundle);
    const binds = Object.entries(volumes).map(([destination, source]) => ({
      destination,
      source,
      type: 'bind',
      options: ['rbind', 'rw'],
    }));
    const config = {
      ociVersion: '1.0.2',
      root: { path: root, readonly: true },
      process: {
        args: ['/usr/bin/wg-rendezvous', ...args],
        cwd: '/',
        env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
        user: { uid: user, gid: user },
        capabilities: {
          bounding: capabilities,
          effective: capabilities,
          permitted: capabilities,
        },
        noNewPrivileges: true,
      },
      mounts: [...MOUNTS, ...binds],
      linux: {
        namespaces: [
          ...['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })),
          { type: 'network', path: `/run/netns/${host.netns}` },
        ],
        readonlyPaths: READ_ONLY,
      },
    };
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
    this.process = new LabProcess('unshare', crun('run', '--bundle', bundle, this.id));
  }

  /** Runs our program in it beside the first one. */
  exec(...args: string[]) {
    return outcome('unshare', crun('exec', this.id, '/usr/bin/wg-rendezvous', ...args));
  }

  /** Ends it as `docker stop` does. */
  async stop() {
    await outcome('unshare', crun('kill', this.id, 'TERM'));
    return this.process.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await outcome('unshare', crun('delete', '--force', this.id));
    await this.process[Symbol.asyncDispose]();
  }
}

describe('in containers', () => {
  const folder = new TemporaryFolder('containers');
  let debian: Debian;
  before(async () => {
    const { deb } = await makePackages();
    debian = await Debian.unpack();
    await debian.run('dpkg', '--install', debian.bring(deb.amd64, 'tmp/new.deb'));
    mkdirSync(debian.path('keys'));
  });
  after(() => {
    debian[Symbol.dispose]();
    folder[Symbol.dispose]();
  });

  it('a server without capabilities and clients with two connect peers behind NATs', async () => {
    const bundles = folder.file('bundles');
    const keys = folder.file('keys');
    mkdirSync(bundles);
    mkdirSync(keys, { mode: 0o700 });
    chownSync(keys, NOBODY, NOBODY);
    await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } } });
    await using server = new Container(bundles, debian.root, lab.rendezvous, {
      args: ['server', '--key', '/keys/key'],
      user: NOBODY,
      capabilities: [],
      volumes: { '/keys': keys },
    });
    const [, key] = await server.process.waitForOutput(/public key (\S+)/);
    await server.process.waitForOutput(/listening on \[/);
    const start = (host: LabHost) =>
      new Container(bundles, debian.root, host, {
        args: ['client', host.wireguard.interface, `${key}@${lab.rendezvous.address}`],
        user: 0,
        capabilities: ['CAP_NET_ADMIN', 'CAP_NET_RAW'],
        // wireguard-go, which stands in for the kernel here, is asked by its socket.
        volumes: { '/run/wireguard': '/run/wireguard' },
      });
    await using a = start(lab.host('a'));
    await using b = start(lab.host('b'));
    await connected(lab, ['a', 'b']);
    // WireGuard's first packets pass before the client looks at the interface again.
    await until('the direct path in its status', async () =>
      /path: direct/.test((await a.exec('status')).stdout),
    );
    const checked = await a.exec('check', lab.host('a').wireguard.interface);
    assert.match(checked.stdout, /client: pid \d+ runs, 1 of 1 peers connected/, checked.stderr);
    for (const container of [a, b, server]) {
      assert.deepEqual(await container.stop(), { code: 0, signal: null }, container.process.stderr);
    }
    assert.ok(await lab.ping('a', 'b'), 'the tunnel outlives the containers');
  });
});
