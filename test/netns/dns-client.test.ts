import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, type Lab, type LabHost, type LabProcess, until } from '../../src/lab/index.js';
import { connected, spawnCommand } from './our-programs.js';

/** The registry, public, and two peers that know each other's keys and no more. */
type Names = 'reg' | 'a' | 'b';

const ZONE = 'example.com';
const PINGS = 5;
const PING_BYTES = 1000;

async function startRegistry(
  lab: Lab<Names>,
  listen: string,
  ...flags: string[]
): Promise<LabProcess> {
  const reg = lab.host('reg');
  const zone = ['--zone', ZONE, '--interface', reg.wireguard.interface];
  const server = spawnCommand(reg, 'dns', 'server', ...zone, '--listen', listen, ...flags);
  await server.waitForOutput(/listening on/);
  return server;
}

/** Gives peers a tunnel to the registry. */
async function enrol(
  lab: Lab<Names>,
  address: string,
  names: readonly Names[] = ['a', 'b'],
): Promise<void> {
  const { publicKey, listenPort, tunnelAddress } = lab.host('reg').wireguard;
  for (const name of names) {
    await lab.host(name).wireguard.setPeer({
      publicKey,
      allowedIps: [`${tunnelAddress}/32`],
      endpoint: `${address}:${listenPort}`,
      keepaliveSeconds: 25,
    });
  }
}

function startDnsClient(host: LabHost, dns: string, ...args: string[]): LabProcess {
  const to = ['--dns', dns, '--zone', ZONE];
  return spawnCommand(host, 'dns', 'client', host.wireguard.interface, ...to, ...args);
}

function shortKey(host: LabHost): string {
  return host.wireguard.publicKey.slice(0, 8);
}

/** Bytes that the registry's WireGuard has had from the two peers. */
async function receivedByRegistry(lab: Lab<Names>): Promise<number> {
  const transfer = await lab.host('reg').wireguard.show('transfer');
  const received = [...transfer.values()].map((text) => Number(text.split('\t')[0]));
  return received.reduce((sum, bytes) => sum + bytes, 0);
}

describe('dns client', { concurrency: 2 }, () => {
  it('connects two NATed peers directly; the registry forwards nothing', async () => {
    await using lab = await createLab<Names>({
      hosts: { reg: {}, a: { nat: 'cone' }, b: { nat: 'cone' } },
    });
    const [reg, a, b] = [lab.host('reg'), lab.host('a'), lab.host('b')];
    await reg.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
    await reg.nft(`
      table inet watch {
        counter forwarded { }
        chain through {
          type filter hook forward priority 0
          counter name forwarded
        }
      }`);
    await enrol(lab, reg.address);
    const { tunnelAddress } = reg.wireguard;
    const daemon = startDnsClient(a, tunnelAddress);
    const once = startDnsClient(b, `${tunnelAddress}:53`, '--once');
    const problems = () => daemon.stderr.match(/no answer from|nothing listens at/g);
    await until('a report that the server does not answer', () => problems() !== null);
    await startRegistry(lab, '0.0.0.0:53');

    await connected(lab, ['a', 'b']);
    assert.deepEqual(await once.exited, { code: 0, signal: null }, once.stderr);
    const [line, ...others] = once.stdout.trim().split('\n');
    assert.ok(line?.startsWith(`${shortKey(a)} connected `), once.stdout);
    assert.deepEqual(others, [], 'not the registry');
    const endpoint = await a.wireguard.endpointOf(b.wireguard.publicKey);
    assert.deepEqual(endpoint, await lab.mappedEndpoint('b', 'a'));
    await until('it to say so', () => /connected, endpoint/.test(daemon.stderr));
    assert.ok(!daemon.stderr.includes(shortKey(reg)), 'the registry is left alone');
    assert.equal(problems()?.length, 1, 'said once');
    assert.match(daemon.stderr, /the server answers again/);

    const grownBy = async (from: LabHost, address: string): Promise<number> => {
      const before = await receivedByRegistry(lab);
      const size = ['-c', String(PINGS), '-i', '0.05', '-s', String(PING_BYTES)];
      await from.exec('ping', ['-n', '-q', ...size, address]);
      return (await receivedByRegistry(lab)) - before;
    };
    assert.ok((await grownBy(a, tunnelAddress)) > PINGS * PING_BYTES);
    assert.ok((await grownBy(a, b.wireguard.tunnelAddress)) < PING_BYTES);
    assert.match(
      await reg.exec('nft', ['list', 'counter', 'inet', 'watch', 'forwarded']),
      /packets 0 /,
    );
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  });

  it('connects two hosts behind IPv6 firewalls, asking outside of the tunnel', async () => {
    await using lab = await createLab<Names>({
      hosts: { reg: {}, a: { nat: 'firewall6' }, b: { nat: 'firewall6' } },
    });
    const [reg, a, b] = [lab.host('reg'), lab.host('a'), lab.host('b')];
    const address = `[${reg.addresses[6][0]}]`;
    await enrol(lab, address);
    await startRegistry(lab, '[::]:5300', '--public');
    const clients = [a, b].map((host) => startDnsClient(host, `${address}:5300`, '--once'));
    for (const client of clients) {
      assert.deepEqual(await client.exited, { code: 0, signal: null }, client.stderr);
    }
    await connected(lab, ['a', 'b']);
    const endpoint = await a.wireguard.endpointOf(b.wireguard.publicKey);
    assert.deepEqual(endpoint, await lab.mappedEndpoint('b', 'a'));
    assert.equal(endpoint?.family, 6);
  });

  it('says why it cannot connect', async () => {
    await using lab = await createLab<Names>({ hosts: { reg: {}, a: {}, b: {} } });
    const [reg, a, b] = [lab.host('reg'), lab.host('a'), lab.host('b')];
    await enrol(lab, reg.address, ['a']);
    await startRegistry(lab, '0.0.0.0:53');
    const { tunnelAddress } = reg.wireguard;
    const inTime = ['--once', '--timeout', '3'];
    const unknown = startDnsClient(a, tunnelAddress, ...inTime);
    const to = ['--dns', tunnelAddress, '--zone', 'example.org', ...inTime];
    assert.deepEqual(await unknown.exited, { code: 3, signal: null });
    const lack = `peer ${shortKey(b)}: no fresh handshake: the server does not know it`;
    assert.ok(unknown.stderr.includes(lack), unknown.stderr);
    const refused = spawnCommand(a, 'dns', 'client', a.wireguard.interface, ...to);
    assert.deepEqual(await refused.exited, { code: 3, signal: null });
    assert.match(refused.stderr, /53 answers REFUSED for the zone example\.org: does it serve/);
  });
});
