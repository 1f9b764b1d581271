import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createLab,
  type HostOptions,
  type Lab,
  type LabHost,
  type LabProcess,
  until,
} from '../../src/lab/index.js';
import { CONNECT_TIMEOUT_MS, connected } from './our-programs.js';
import { SealedServer } from './sealed-programs.js';

/*
 * Paths at a distance of 50 ms. Without probes each of these takes 144 s or more, or forever: the limits
 * are far below that, and far above what a busy machine needs.
 */
const distance = { roundTripMs: 50 };
const PORT = 51820;
const MOVED_PORT = 40_007;

interface Pair extends AsyncDisposable {
  readonly lab: Lab<'a' | 'b'>;
  readonly server: SealedServer;
  readonly clients: LabProcess[];
}

/** A lab with a server; `start` begins the clients of these hosts. */
async function pair(
  hosts: Record<'a' | 'b', HostOptions>,
  start: readonly ('a' | 'b')[] = ['a', 'b'],
): Promise<Pair> {
  const lab = await createLab({ hosts });
  const server = await SealedServer.start(lab);
  const clients = start.map((name) => server.client(lab.host(name)));
  return {
    lab,
    server,
    clients,
    async [Symbol.asyncDispose]() {
      await lab.dispose();
      await server[Symbol.asyncDispose]();
    },
  };
}

const CONES = { a: { nat: 'cone', distance }, b: { nat: 'cone', distance } } as const;

/** Where a host's WireGuard sends to another. */
function endpointOf(host: LabHost, peer: LabHost) {
  return host.wireguard.endpointOf(peer.wireguard.publicKey);
}

async function answers(lab: Lab<'a' | 'b'>, timeoutMs: number): Promise<void> {
  await until('an answer', () => lab.ping('a', 'b', { timeoutMs: 1000 }), { timeoutMs });
}

describe('a path that the server cannot see', { concurrency: 2 }, () => {
  it('is found between two hosts behind one NAT that sends nothing back inside', async () => {
    await using one = await pair({ a: { nat: 'cone', distance }, b: { sameNatAs: 'a' } });
    const { lab } = one;
    await connected(lab, ['a', 'b']);
    for (const [host, peer] of [
      [lab.host('a'), lab.host('b')],
      [lab.host('b'), lab.host('a')],
    ] as const) {
      assert.equal((await endpointOf(host, peer))?.address, peer.address);
    }
  });

  it('is not the address of the peer where another machine of the own LAN has it', async () => {
    const hosts = { a: { nat: 'cone', distance }, b: { nat: 'cone', distance } } as const;
    const lab = await createLab({ hosts: { ...hosts, c: { sameNatAs: 'a' } } });
    await using _lab = lab;
    await using server = await SealedServer.start(lab);
    // Two homes with the same addresses: in a's, c has b's.
    await lab.host('a').ip(['address add 192.168.1.5/24 dev eth0']);
    for (const name of ['b', 'c'] as const) {
      await lab.host(name).ip(['address add 192.168.1.6/24 dev eth0']);
    }
    for (const name of ['a', 'b', 'c'] as const) {
      server.client(lab.host(name));
    }
    await connected(lab, ['a', 'b']);
    const [a, b] = [lab.host('a'), lab.host('b')];
    assert.equal((await endpointOf(a, b))?.address, b.outsideAddresses[0]);
    await connected(lab, ['a', 'c']);
    assert.equal((await endpointOf(a, b))?.address, b.outsideAddresses[0]);
  });

  it('is IPv6 between two firewalls where IPv4 has none', async () => {
    const host = { nat: 'symmetric', ipv6: true, distance } as const;
    await using one = await pair({ a: host, b: host });
    await connected(one.lab, ['a', 'b']);
    assert.equal((await endpointOf(one.lab.host('a'), one.lab.host('b')))?.family, 6);
  });
});

describe('a path that changes while it is used', { concurrency: 2 }, () => {
  it('works again soon when the mapping of a NAT moves under traffic', async () => {
    await using one = await pair(CONES);
    const { lab } = one;
    await connected(lab, ['a', 'b']);
    const [gateway] = lab.host('a').gateways;
    await gateway?.moveMapping(PORT, MOVED_PORT);
    await answers(lab, 60_000);
    assert.equal((await endpointOf(lab.host('b'), lab.host('a')))?.port, MOVED_PORT);
  });

  it('works again within a refresh when the mapping moves under keepalives only', async () => {
    await using one = await pair(CONES);
    const { lab } = one;
    await connected(lab, ['a', 'b']);
    await lab.host('a').gateways[0]?.moveMapping(PORT, MOVED_PORT);
    const [a, b] = [lab.host('a'), lab.host('b')];
    const isMoved = async () => (await endpointOf(b, a))?.port === MOVED_PORT;
    await until('b to follow', isMoved, { timeoutMs: 60_000 });
    await answers(lab, 5000);
  });

  it('works again soon when the address of a host changes under traffic', async () => {
    await using one = await pair(CONES);
    const { lab } = one;
    await connected(lab, ['a', 'b']);
    const a = lab.host('a');
    const onLan = (number: number) => a.address.replace(/\d+$/, String(number));
    await a.ip([
      'address flush dev eth0',
      `address add ${onLan(77)}/24 dev eth0`,
      `route replace default via ${onLan(1)}`,
    ]);
    await answers(lab, 60_000);
  });

  it("works again soon when WireGuard's port changes", async () => {
    await using one = await pair(CONES);
    await connected(one.lab, ['a', 'b']);
    await one.lab.host('a').wireguard.setListenPort(51_999);
    await answers(one.lab, 60_000);
  });

  it('works again soon when an interface is made anew, on another port', async () => {
    await using one = await pair(CONES);
    const { lab } = one;
    await connected(lab, ['a', 'b']);
    const { wireguard } = lab.host('a');
    await wireguard.remove();
    await wireguard.create();
    await wireguard.setListenPort(51_777);
    await answers(lab, 60_000);
  });

  it('comes up at once after a restart of the server while one side waited', async () => {
    await using one = await pair(CONES, ['a']);
    const { lab, server, clients } = one;
    await until('the session', () => /unknown/.test(clients[0]?.stderr ?? ''), {
      timeoutMs: CONNECT_TIMEOUT_MS,
    });
    await server.process?.stop('SIGKILL');
    await server.start();
    server.client(lab.host('b'));
    await connected(lab, ['a', 'b'], 15_000);
  });

  it('stays what it is when the clients are stopped', async () => {
    await using one = await pair(CONES);
    const { lab, clients } = one;
    await connected(lab, ['a', 'b']);
    for (const client of clients) {
      await client.stop('SIGTERM');
    }
    await answers(lab, 5000);
  });
});
