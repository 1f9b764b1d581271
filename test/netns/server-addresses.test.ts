import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { createLab, type Lab, type LabHost, type LabProcess, until } from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';
import { connected, namePattern, spawnCommand } from './our-programs.js';
import { said } from './sealed-programs.js';

/** `rv` is the server and the registry; `a` is the host that the tests make suffer. */
type Names = 'a' | 'b';

const SERVER = 'rv.test';
const ZONE = 'example.com';
const APPROACHES = ['classic', 'sealed', 'dns'] as const;
type ApproachName = (typeof APPROACHES)[number];

/** Without an address that is skipped at once, a client needs at least 10 s. */
const AT_ONCE_MS = 6000;
/** Several rounds of attempts, each of which could say something new. */
const WATCHED_MS = 9000;

/** Gives `ip netns exec` in a host files of its own in /etc, until it is disposed of. */
function etcOf(host: LabHost, files: Readonly<Record<string, string>>): Disposable {
  const folder = `/etc/netns/${host.netns}`;
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
  }
  return { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

describe('a server with several addresses', () => {
  let lab: Lab<Names>;
  let serverKey: string;
  const started: LabProcess[] = [];
  const state = mkdtempSync(join(tmpdir(), 'wg-addresses-'));

  before(async () => {
    lab = await createLab<Names>({
      hosts: { a: { ipv6: true }, b: { ipv6: true } },
      registry: true,
    });
    const { rendezvous } = lab;
    const { publicKey, listenPort } = rendezvous.wireguard;
    const endpoint = `[${rendezvous.addresses[6][0]}]:${listenPort}`;
    for (const { wireguard } of [lab.host('a'), lab.host('b')]) {
      await wireguard.setPeer({ publicKey, endpoint, allowedIps: [], keepaliveSeconds: 25 });
    }
    const server = spawnCommand(rendezvous, 'server', '--key', join(state, 'key'));
    await server.waitForOutput(/public key /);
    serverKey = /public key (\S+)/.exec(server.stdout)?.[1] as string;
    const registry = ['--zone', ZONE, '--interface', rendezvous.wireguard.interface, '--public'];
    await spawnCommand(rendezvous, 'dns', 'server', ...registry).waitForOutput(/listening on \[/);
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((client) => client.stop()));
  });
  after(async () => {
    await lab?.dispose();
    rmSync(state, { recursive: true });
  });

  const start = (host: LabHost, approach: ApproachName, ...args: string[]): LabProcess => {
    const { interface: name } = host.wireguard;
    const commands = {
      classic: ['client', name, SERVER],
      sealed: ['client', name, SERVER, '--server-key', serverKey],
      dns: ['dns', 'client', name, '--dns', SERVER, '--zone', ZONE],
    };
    const environment = `STATE_DIRECTORY=${join(state, host.name)}`;
    const argv = [environment, process.execPath, PROGRAM, ...commands[approach], ...args];
    const client = host.spawn('env', argv);
    started.push(client);
    return client;
  };
  /** Starts a client on both hosts, and waits until they are connected and both clients say so. */
  const startBoth = async (approach: ApproachName): Promise<readonly LabProcess[]> => {
    const [a, b] = [lab.host('a'), lab.host('b')];
    const clients = [
      { client: start(a, approach), peer: b },
      { client: start(b, approach), peer: a },
    ];
    await connected(lab, ['a', 'b']);
    for (const { client, peer } of clients) {
      await said(client, new RegExp(`peer ${namePattern(peer.wireguard)}: connected`));
    }
    return clients.map(({ client }) => client);
  };
  const hostsFile = () => {
    const { addresses } = lab.rendezvous;
    return [...addresses[4], ...addresses[6]].map((address) => `${address} ${SERVER}\n`).join('');
  };
  /** As after their start: no endpoint, and no handshake. */
  const forgetPeers = async (): Promise<void> => {
    for (const [name, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const { publicKey, tunnelAddress } = lab.host(other).wireguard;
      await lab
        .host(name)
        .exec('wg', ['set', lab.host(name).wireguard.interface, 'peer', publicKey, 'remove']);
      await lab.host(name).wireguard.setPeer({ publicKey, allowedIps: [`${tunnelAddress}/32`] });
    }
  };

  for (const approach of APPROACHES) {
    it(`${approach}: an IPv6-only host skips the IPv4 address at once, without a report`, async () => {
      const [a, b] = [lab.host('a'), lab.host('b')];
      using _etcA = etcOf(a, { hosts: hostsFile() });
      using _etcB = etcOf(b, { hosts: hostsFile() });
      await forgetPeers();
      for (const host of [a, b]) {
        await host.exec('ip', ['-4', 'addr', 'flush', 'dev', 'eth0']);
      }
      const begin = performance.now();
      const clients = await startBoth(approach);
      const took = performance.now() - begin;
      for (const client of clients) {
        assert.doesNotMatch(client.stderr, /no answer|no route|cannot/, client.stderr);
        assert.deepEqual(await client.stop(), { code: 0, signal: null });
      }
      assert.ok(took < AT_ONCE_MS, `${took} ms`);
    });

    it(`${approach}: a local firewall is reported once, by its own text`, async () => {
      const a = lab.host('a');
      using _etc = etcOf(a, { hosts: hostsFile() });
      await forgetPeers();
      const port = approach === 'dns' ? 53 : 49918;
      await a.nft(`
        table inet block {
          chain output {
            type filter hook output priority 0
            udp dport ${port} drop
          }
        }`);
      const client = start(a, approach);
      await until('the report', () => client.stderr.includes('firewall'));
      await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
      const said = client.stderr.split('\n').filter((line) => /WARN|warn/.test(line));
      assert.equal(said.length, 1, client.stderr);
      assert.match(
        said[0] ?? '',
        /this host's firewall refuses packets to \S+ \(EPERM\): allow UDP to that port/,
      );
      await a.exec('nft', ['delete', 'table', 'inet', 'block']);
      await until('requests to leave', () => client.stderr.includes('requests can be sent again'), {
        timeoutMs: 30_000,
      });
      assert.deepEqual(await client.stop(), { code: 0, signal: null });
    });

    it(`${approach}: a name that does not resolve is reached at its last addresses`, async () => {
      const [a, b] = [lab.host('a'), lab.host('b')];
      const resolver = 'nameserver 192.0.2.1\noptions timeout:1 attempts:1\n';
      await forgetPeers();
      using _etcB = etcOf(b, { hosts: hostsFile() });
      using _etcA = etcOf(a, { hosts: '', 'resolv.conf': resolver });
      const clients = await startBoth(approach);
      assert.match(
        clients[0]?.stderr ?? '',
        /cannot resolve rv\.test \([^)]+\): going on with its last known addresses \(/,
      );
      for (const client of clients) {
        assert.deepEqual(await client.stop(), { code: 0, signal: null });
      }
    });
  }
});
