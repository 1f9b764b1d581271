import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLab, type HostOptions, type Lab, type NatKind, until } from '../../src/lab/index.js';
import { formatEndpoint } from '../../src/wire/endpoint.js';
import { connected, startClient } from './our-programs.js';
import { FIRST_RELAY_PORT, LAST_RELAY_PORT, relayPorts } from './relay-ports.js';
import { SealedServer, said } from './sealed-programs.js';

const TAP = fileURLToPath(new URL('../../../test/netns/udp-tap.py', import.meta.url));
const ROUND_TRIP_MS = 50;
/** The goal is 2.5 s; a machine that does other work takes its time. */
const CONNECT_LIMIT_MS = 8000;
/** WireGuard's data; its smallest message is a keepalive. */
const DATA_TYPE = 4;

function pair(nat: NatKind): Record<'a' | 'b', HostOptions> {
  const host = { nat, distance: { roundTripMs: ROUND_TRIP_MS } };
  return { a: host, b: host };
}

/** Starts both clients, and returns how long it took until a ping through the tunnel was answered. */
async function connect(lab: Lab<'a' | 'b'>, server: SealedServer, ...args: string[]) {
  const begin = performance.now();
  const clients = [lab.host('a'), lab.host('b')].map((host) => server.client(host, ...args));
  await connected(lab, ['a', 'b']);
  return { clients, tookMs: performance.now() - begin };
}

async function endpointOf(lab: Lab<'a' | 'b'>, from: 'a' | 'b', to: 'a' | 'b'): Promise<string> {
  const { publicKey } = lab.host(to).wireguard;
  const found = await lab.host(from).wireguard.endpointOf(publicKey);
  return found === undefined ? '' : formatEndpoint(found);
}

async function isRelayed(lab: Lab<'a' | 'b'>): Promise<boolean> {
  const [there, back] = await relayPorts(lab, ['a', 'b']);
  return there !== undefined && there === back;
}

/** Pings from a to b a hundred times a second. With a count, ping waits for the last replies. */
function pinging(lab: Lab<'a' | 'b'>, count: number) {
  const to = lab.host('b').wireguard.tunnelAddress;
  const args = ['-q', '-i', '0.01', '-c', `${count}`, '-W', '3', to];
  return lab.host('a').outcome('ping', args, { timeoutMs: count * 30 });
}

/** How many pings had no answer, by what ping said. */
function lostOf(stdout: string): number {
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
  return sent === undefined ? Number.POSITIVE_INFINITY : Number(sent) - Number(received);
}

/** The endpoints that each side used one after the other until something has ended. */
async function endpointsWhile(lab: Lab<'a' | 'b'>, ends: Promise<unknown>): Promise<string[][]> {
  const seen: [string[], string[]] = [[], []];
  let isOver = false;
  const over = ends.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const now = await Promise.all([endpointOf(lab, 'a', 'b'), endpointOf(lab, 'b', 'a')]);
    for (const side of [0, 1] as const) {
      if (seen[side].at(-1) !== now[side]) {
        seen[side].push(now[side]);
      }
    }
  }
  await over;
  return seen;
}

/** Whether the last of these endpoints is none of the server. */
function isDirect(lab: Lab<'a' | 'b'>, seen: readonly string[] | undefined): boolean {
  const last = seen?.at(-1);
  const { addresses } = lab.rendezvous;
  const own = [...addresses[4], ...addresses[6].map((it) => `[${it}]`)];
  return last !== undefined && !own.some((it) => last.startsWith(`${it}:`));
}

/** Asserts that a relayed pair changes to a direct path once, without loss, while these pings run. */
async function leavesRelay(
  lab: Lab<'a' | 'b'>,
  ping: Promise<{ readonly stdout: string }>,
): Promise<void> {
  const [atA, atB] = await endpointsWhile(lab, ping);
  const { stdout } = await ping;
  assert.ok(lostOf(stdout) <= 2, stdout);
  assert.ok(isDirect(lab, atA) && isDirect(lab, atB), `${atA}; ${atB}`);
  // The relay, the direct path, and no way back.
  assert.ok(atA!.length === 2 && atB!.length === 2, `${atA}; ${atB}`);
}

describe('the relay', { concurrency: 2 }, () => {
  it('connects two symmetric NATs in time, byte for byte, at full size', async () => {
    await using lab = await createLab({ hosts: pair('symmetric') });
    await using server = await SealedServer.start(lab, '--relay');
    const ports = [FIRST_RELAY_PORT, LAST_RELAY_PORT].map(String);
    const tap = lab.rendezvous.spawn('python3', [TAP, 'eth0', ...ports]);
    await tap.waitForOutput(/ready\n/);
    const { tookMs } = await connect(lab, server);
    assert.ok(await isRelayed(lab));
    assert.ok(tookMs < CONNECT_LIMIT_MS, `${tookMs} ms with the start of two programs`);
    const { wireguard } = lab.host('b');
    // A packet of the interface's full MTU, whose message is no multiple of 16 bytes.
    const args = ['-q', '-c', '20', '-i', '0.05', '-w', '10', '-M', 'do', '-s', '1392'];
    const { code, stdout } = await lab
      .host('a')
      .outcome('ping', [...args, wireguard.tunnelAddress]);
    assert.equal(code, 0, stdout);
    await delay(200);
    const lines = tap.stdout.split('\n').map((line) => line.split(' '));
    const all = (direction: string) =>
      lines.filter(([way, , type]) => way === direction && Number(type) >= 1 && Number(type) <= 4);
    const [received, sent] = [all('in'), all('out')];
    assert.ok(sent.length >= 40);
    const hashes = (some: string[][]) => some.map((line) => line.slice(2).join(' ')).sort();
    const forwarded = hashes(received).filter((line) => hashes(sent).includes(line));
    assert.deepEqual(hashes(sent), forwarded, 'each that left is one that came, and left once');
    assert.ok(sent.some(([, , type, length]) => Number(type) === DATA_TYPE && length === '1452'));
  });

  it('connects hosts that can reach only the server', async () => {
    await using lab = await createLab({ hosts: pair('cone') });
    await using server = await SealedServer.start(lab, '--relay');
    for (const name of ['a', 'b'] as const) {
      const rule = `oifname "eth0" ip daddr != ${lab.rendezvous.address} drop`;
      await lab.host(name).nft(`table ip hostile {
        chain output {
          type filter hook output priority filter
          ${rule}
        }
      }`);
    }
    const { tookMs } = await connect(lab, server);
    assert.ok(await isRelayed(lab));
    assert.ok(tookMs < CONNECT_LIMIT_MS, `${tookMs} ms with the start of two programs`);
  });

  it('says at once that a server does not relay, and that --no-relay wants none', async () => {
    await using lab = await createLab({ hosts: pair('symmetric') });
    await using server = await SealedServer.start(lab);
    const [a, b] = [lab.host('a'), lab.host('b')].map((host) => server.client(host));
    await said(a!, /has no direct path, and \S+ does not relay/);
    await b!.stop();
    const off = server.client(lab.host('b'), '--no-relay', '--once', '--timeout', '4');
    assert.deepEqual(await off.exited, { code: 3, signal: null });
    assert.doesNotMatch(off.stderr, /relay/);
  });

  it('has relayed tunnels back within 3 s of the return of a server that was restarted', async () => {
    await using lab = await createLab({ hosts: pair('symmetric') });
    await using server = await SealedServer.start(lab, '--relay');
    await connect(lab, server);
    assert.ok(await isRelayed(lab));
    await server.process?.stop('SIGKILL');
    await delay(1000);
    assert.ok(!(await lab.ping('a', 'b', { timeoutMs: 1000 })));
    await server.start('--relay');
    const begin = performance.now();
    await until('a ping by the relay', () => lab.ping('a', 'b', { timeoutMs: 1000 }), {
      timeoutMs: 20_000,
    });
    const tookMs = performance.now() - begin;
    assert.ok(tookMs < 3000, `${tookMs} ms`);
  });

  it('follows a NAT that maps anew within 3 s', async () => {
    await using lab = await createLab({ hosts: pair('symmetric') });
    await using server = await SealedServer.start(lab, '--relay');
    await connect(lab, server);
    assert.ok(await isRelayed(lab));
    await lab.host('a').gateways[0]!.forgetMappings();
    const begin = performance.now();
    await until('a ping by the relay', () => lab.ping('b', 'a', { timeoutMs: 1000 }), {
      timeoutMs: 30_000,
    });
    const tookMs = performance.now() - begin;
    assert.ok(tookMs < 3000, `${tookMs} ms`);
    assert.ok(await isRelayed(lab));
  });

  it('is left under load for a path that was found through a hard NAT', async () => {
    const far = { distance: { roundTripMs: ROUND_TRIP_MS } };
    const hosts = { a: { nat: 'symmetric', ...far }, b: { nat: 'cone', ...far } } as const;
    await using lab = await createLab({ hosts });
    await using server = await SealedServer.start(lab, '--relay');
    await connect(lab, server);
    const { tunnelAddress } = lab.host('b').wireguard;
    const sink = lab.host('b').spawn('iperf3', ['-s', '-1', '-B', tunnelAddress, '--forceflush']);
    await sink.waitForOutput(/listening/);
    const load = ['-c', tunnelAddress, '-t', '10', '-b', '2M', '-J'];
    const iperf = lab.host('a').outcome('iperf3', load, { timeoutMs: 40_000 });
    const ping = pinging(lab, 1000);
    const [atA, atB] = await endpointsWhile(lab, Promise.all([iperf, ping]));
    const { stdout } = await ping;
    assert.ok(lostOf(stdout) <= 2, stdout);
    const { intervals } = JSON.parse((await iperf).stdout);
    assert.ok(intervals.length >= 9, (await iperf).stdout);
    for (const { sum } of intervals as { sum: { bytes: number } }[]) {
      assert.ok(sum.bytes > 0, 'TCP had a second without anything');
    }
    for (const seen of [atA, atB]) {
      // A pair whose ports are found within the first second needs no relay.
      assert.ok(isDirect(lab, seen) && seen!.length <= 2, `${atA}; ${atB}`);
    }
  });

  it('is left for a port that the router of one side maps', async () => {
    const far = { distance: { roundTripMs: ROUND_TRIP_MS } };
    const hosts = { a: { nat: 'port-mapping', ...far }, b: { nat: 'symmetric', ...far } } as const;
    await using lab = await createLab({ hosts });
    await using server = await SealedServer.start(lab, '--relay');
    const { clients } = await connect(lab, server, '--no-port-mapping');
    assert.ok(await isRelayed(lab));
    await clients[0]!.stop();
    const ping = pinging(lab, 1000);
    server.client(lab.host('a'));
    await leavesRelay(lab, ping);
  });

  it('carries IPv6 alone, and is left without loss as well', async () => {
    await using lab = await createLab({ hosts: pair('firewall6') });
    await using server = await SealedServer.start(lab, '--relay');
    const [address] = lab.rendezvous.addresses[6] as [string];
    for (const name of ['a', 'b'] as const) {
      await lab.host(name).nft(`table ip6 hostile {
        chain output {
          type filter hook output priority filter
          oifname "eth0" meta l4proto udp ip6 daddr != ${address} drop
        }
      }`);
      startClient(lab.host(name), address, '--server-key', server.key);
    }
    await connected(lab, ['a', 'b']);
    assert.ok(await isRelayed(lab));
    const ping = pinging(lab, 1000);
    for (const name of ['a', 'b'] as const) {
      await lab.host(name).nft('delete table ip6 hostile');
    }
    await leavesRelay(lab, ping);
  });

  it('ends for a pair that is taken off its list', async () => {
    await using lab = await createLab({ hosts: pair('symmetric') });
    await using server = await SealedServer.start(lab);
    await server.process?.stop();
    const list = server.file('relayed');
    const keys = [lab.host('a'), lab.host('b')].map(({ wireguard }) => wireguard.publicKey);
    await writeFile(list, `${keys.join('\n')}\n`);
    await server.start('--relay', '--relay-allow', list);
    const { clients } = await connect(lab, server);
    assert.ok(await isRelayed(lab));
    await writeFile(list, `${keys[0]}\n`);
    server.process?.kill('SIGHUP');
    await said(clients[0]!, /does not relay for this pair: add both to its --relay-allow list/);
    assert.ok(!(await lab.ping('a', 'b', { timeoutMs: 1000 })));
  });

  it('gives way to a direct path without loss once there is one', async () => {
    await using lab = await createLab({ hosts: pair('symmetric') });
    await using server = await SealedServer.start(lab, '--relay');
    await connect(lab, server);
    assert.ok(await isRelayed(lab));
    for (const name of ['a', 'b'] as const) {
      const gateway = lab.host(name).gateways[0]!;
      await gateway.nft('flush chain ip nat postrouting');
      await gateway.nft('add rule ip nat postrouting oifname "wan" masquerade');
      // The flow to the server gets another mapping, as from a router that was reset; the relayed one stays.
      await gateway.exec('conntrack', ['-D', '-p', 'udp', '--orig-port-dst', '49918']);
    }
    const ping = pinging(lab, 1000);
    await leavesRelay(lab, ping);
  });
});
