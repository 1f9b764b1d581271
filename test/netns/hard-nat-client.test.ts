import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createLab,
  type HostOptions,
  type Lab,
  type LabHost,
  type LabProcess,
  type NatKind,
  until,
} from '../../src/lab/index.js';
import { PROGRAM } from '../cli/run-command.js';
import { connected, handshakes, startClient } from './our-programs.js';
import { SealedServer, said } from './sealed-programs.js';

const PAIRS: readonly { a: NatKind; b: NatKind; name: string }[] = [
  { a: 'symmetric', b: 'cone', name: 'through a hard NAT' },
  {
    a: 'cone',
    b: 'cgnat-block',
    name: 'through a carrier NAT with a block of ports, from the other side',
  },
  { a: 'port-mapping', b: 'symmetric', name: 'by a port that the router maps' },
];

const IPV6_PAIRS = [
  { name: 'symmetric NAT66 x firewall without NAT', easy: undefined },
  { name: 'symmetric NAT66 x cone NAT66', easy: 'masquerade' },
] as const;

/** Makes the IPv6 firewall in front of a host a NAT. */
async function translate6(host: LabHost, statement: string): Promise<void> {
  await host.gateways[0]?.nft(`
    table ip6 nat {
      chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "wan" ${statement}
      }
    }`);
}

/** The nftables rules of a host. */
function rules(host: LabHost): Promise<string> {
  return host.exec('nft', ['list', 'ruleset']);
}

const USERS_RULES = `
  table inet filter {
    chain output {
      type filter hook output priority filter
      ct state invalid drop
    }
  }
  table ip nat {
    chain postrouting {
      type nat hook postrouting priority srcnat
      oifname "docker0" masquerade
    }
  }`;

/** Runs a program in a mount namespace where nft cannot be executed. */
const WITHOUT_NFT =
  'for nft in /usr/sbin/nft /sbin/nft /usr/bin/nft; do [ ! -e $nft ] || mount --bind /dev/null $nft; done; exec "$@"';

function clientWithoutNft(server: SealedServer, host: LabHost) {
  const client = [PROGRAM, 'client', host.wireguard.interface, server.address];
  const args = ['--mount', 'sh', '-c', WITHOUT_NFT, 'sh', process.execPath, ...client];
  return host.spawn('unshare', [...args, '--server-key', server.key]);
}

async function listenPort(host: LabHost): Promise<number> {
  return Number(await host.exec('wg', ['show', host.wireguard.interface, 'listen-port']));
}

interface MovedPairOptions {
  readonly hosts?: Readonly<Record<'a' | 'b', HostOptions>>;
  readonly family?: 4 | 6;
  /** Prepares the hosts before the clients start. */
  prepare?(lab: Lab<'a' | 'b'>): Promise<void>;
}

/** A hard and an easy NAT, with an open path through a socket of a. */
async function movedPair({
  hosts = { a: { nat: 'symmetric' }, b: { nat: 'cone' } },
  family = 4,
  prepare = async () => {},
}: MovedPairOptions = {}) {
  let found = 'nothing';
  // Of 257 mappings that b may guess one is WireGuard's own, and needs no rule.
  for (let tries = 0; tries < 3; tries++) {
    const lab = await createLab({ hosts, distance: { roundTripMs: 50 } });
    try {
      await prepare(lab);
      const users = await rules(lab.host('a'));
      const server = await SealedServer.start(lab);
      const address = family === 4 ? server.address : `[${lab.rendezvous.addresses[6][0]}]`;
      const startedAt = performance.now();
      const [first, second] = (['a', 'b'] as const).map((one) =>
        startClient(lab.host(one), address, '--server-key', server.key),
      ) as [LabProcess, LabProcess];
      await connected(lab, ['a', 'b']);
      const connectedMs = Math.round(performance.now() - startedAt);
      const [moved] = /masquerade to :\d+/.exec(await rules(lab.host('a'))) ?? [];
      if (moved !== undefined) {
        return {
          ...{ lab, server, first, second, moved, users, connectedMs },
          async [Symbol.asyncDispose]() {
            await lab.dispose();
            await server[Symbol.asyncDispose]();
          },
        };
      }
      found = `${await rules(lab.host('a'))}\n${first.stderr}`;
      await server[Symbol.asyncDispose]();
    } catch (error) {
      await lab.dispose();
      throw error;
    }
    await lab.dispose();
  }
  throw new Error(`no flow was moved: ${found}`);
}

describe('our client connects what plain hole punching cannot', () => {
  for (const { a, b, name } of PAIRS) {
    it(`${a} x ${b}: ${name}; the tunnel outlives the clients`, async (t) => {
      const hosts = { a: { nat: a }, b: { nat: b } };
      await using lab = await createLab({ hosts, distance: { roundTripMs: 50 } });
      await using server = await SealedServer.start(lab);
      const clients = (['a', 'b'] as const).map((one) => server.client(lab.host(one)));
      const startedAt = performance.now();
      await connected(lab, ['a', 'b']);
      t.diagnostic(`${Math.round(performance.now() - startedAt)} ms`);
      for (const client of clients) {
        assert.deepEqual(await client.stop(), { code: 0, signal: null });
      }
      for (const one of ['a', 'b'] as const) {
        assert.doesNotMatch(await rules(lab.host(one)), /masquerade|drop/);
      }
      assert.ok(await lab.ping('a', 'b', { timeoutMs: 3_000 }));
      assert.ok(await lab.ping('b', 'a', { timeoutMs: 3_000 }));
    });
  }

  it('symmetric x cone: clients that stop at the moment of the handshake leave the tunnel', async () => {
    const hosts = { a: { nat: 'symmetric' }, b: { nat: 'cone' } } as const;
    await using lab = await createLab({ hosts });
    await using server = await SealedServer.start(lab);
    const clients = (['a', 'b'] as const).map((one) => server.client(lab.host(one)));
    await handshakes(lab, ['a', 'b']);
    await Promise.all(clients.map((client) => client.stop()));
    assert.doesNotMatch(await rules(lab.host('a')), /masquerade|drop/);
    assert.ok(await lab.ping('a', 'b', { timeoutMs: 3_000 }));
    assert.ok(await lab.ping('b', 'a', { timeoutMs: 3_000 }));
  });

  it('symmetric x cone: the next run adopts the moved flow; one with --no-hard-nat ends it', async () => {
    await using pair = await movedPair({ prepare: (lab) => lab.host('a').nft(USERS_RULES) });
    const { lab, server, first, moved, users } = pair;
    const [a, b] = [lab.host('a'), lab.host('b')];
    const handshake = await a.wireguard.endpointOf(b.wireguard.publicKey);
    assert.deepEqual(await first.stop(), { code: 0, signal: null });
    assert.ok(await lab.ping('b', 'a', { timeoutMs: 3_000 }), 'between two runs');
    const second = server.client(a);
    await until('the flow to be adopted', async () => (await rules(a)).includes(moved));
    assert.ok(await lab.ping('a', 'b', { timeoutMs: 3_000 }), 'in the second run');
    assert.ok(await lab.ping('b', 'a', { timeoutMs: 3_000 }), 'in the second run');
    assert.deepEqual(await a.wireguard.endpointOf(b.wireguard.publicKey), handshake);
    await second.stop();
    server.client(a, '--no-hard-nat');
    await until('no rules but those of the user', async () => !/rendezvous/.test(await rules(a)));
    assert.equal(await rules(a), users);
  });

  it('symmetric x cone: a way that ends, as the NAT is another one now, is given up', async () => {
    await using pair = await movedPair();
    const { lab } = pair;
    await lab.host('a').gateways[0]?.moveMapping(lab.host('a').wireguard.listenPort, 40_007);
    const isBack = () => lab.ping('a', 'b', { timeoutMs: 1000 });
    await until('an answer', isBack, { timeoutMs: 90_000 });
  });

  it('symmetric x cone: no rule is left when the interface goes before the client', async () => {
    await using pair = await movedPair();
    const { lab, first } = pair;
    const a = lab.host('a');
    await a.wireguard.remove();
    assert.deepEqual(await first.stop(), { code: 0, signal: null });
    assert.equal(await rules(a), '');
  });

  it('symmetric x cone: without nft, WireGuard itself gets the port of the only peer', async () => {
    const hosts = { a: { nat: 'symmetric' }, b: { nat: 'cone' } } as const;
    await using lab = await createLab({ hosts, distance: { roundTripMs: 50 } });
    await using server = await SealedServer.start(lab);
    const [a, b] = [lab.host('a'), lab.host('b')];
    const client = clientWithoutNft(server, a);
    const others = server.client(b);
    await connected(lab, ['a', 'b']);
    await said(
      client,
      /has the listen port \d+ now instead of 51820: .* the nft tool is in none of/,
    );
    const port = await listenPort(a);
    assert.notEqual(port, 51_820);
    assert.equal(await rules(a), '');
    assert.deepEqual(await client.stop(), { code: 0, signal: null });
    assert.deepEqual(await others.stop(), { code: 0, signal: null });
    assert.ok(await lab.ping('a', 'b', { timeoutMs: 3_000 }));
    assert.ok(await lab.ping('b', 'a', { timeoutMs: 3_000 }));
    assert.equal(await listenPort(a), port);
  });

  it('symmetric x cone: without nft and with another peer, it says why not', async () => {
    const hosts = { a: { nat: 'symmetric' }, b: { nat: 'cone' }, c: {} } as const;
    await using lab = await createLab({ hosts, distance: { roundTripMs: 50 } });
    await using server = await SealedServer.start(lab);
    const a = lab.host('a');
    const client = clientWithoutNft(server, a);
    server.client(lab.host('b'));
    server.client(lab.host('c'));
    await connected(lab, ['a', 'c']);
    await said(
      client,
      /a way through its NAT was found and cannot be used: the nft tool is in none of .*; the interface has other peers/,
    );
    assert.equal(await listenPort(a), 51_820);
    assert.ok(await lab.ping('a', 'c', { timeoutMs: 3_000 }));
  });

  for (const { name, easy } of IPV6_PAIRS) {
    it(`over IPv6: ${name}; the tunnel outlives the clients`, async (t) => {
      await using pair = await movedPair({
        hosts: { a: { nat: 'firewall6' }, b: { nat: 'firewall6' } },
        family: 6,
        async prepare(lab) {
          await translate6(lab.host('a'), 'masquerade fully-random');
          if (easy !== undefined) {
            await translate6(lab.host('b'), easy);
          }
        },
      });
      const { lab, first, second, connectedMs } = pair;
      t.diagnostic(`${connectedMs} ms`);
      assert.match(await rules(lab.host('a')), /table ip6 wg-rendezvous [\s\S]*masquerade to :\d+/);
      for (const client of [first, second]) {
        assert.deepEqual(await client.stop(), { code: 0, signal: null });
      }
      assert.doesNotMatch(await rules(lab.host('a')), /masquerade|drop/);
      assert.ok(await lab.ping('a', 'b', { timeoutMs: 3_000 }));
      assert.ok(await lab.ping('b', 'a', { timeoutMs: 3_000 }));
    });
  }

  it('symmetric x cone: sockets that cannot be opened are a problem until a later round opens them', async () => {
    const hosts = { a: { nat: 'symmetric' }, b: { nat: 'cone' } } as const;
    await using lab = await createLab({ hosts });
    await using server = await SealedServer.start(lab);
    const a = lab.host('a');
    const client = server.client(a);
    const limit = (files: string) =>
      a.exec('prlimit', ['--pid', `${client.pid}`, `--nofile=${files}:`]);
    await said(client, /does not know it/);
    await limit('128');
    server.client(lab.host('b'), '--no-hard-nat');
    await said(client, /cannot open 256 sockets: .*EMFILE/);
    await limit('1024');
    await until(
      'a round with sockets',
      () => /ways through hard NATs can be used/.test(client.stderr),
      { timeoutMs: 60_000 },
    );
    assert.equal(await a.wireguard.hasHandshake(lab.host('b').wireguard.publicKey), false);
  });

  it('symmetric x cone: not with --no-hard-nat', async () => {
    const hosts = { a: { nat: 'symmetric' }, b: { nat: 'cone' } } as const;
    await using lab = await createLab({ hosts });
    await using server = await SealedServer.start(lab);
    const args = ['--no-hard-nat', '--once', '--timeout', '6'];
    const clients = (['a', 'b'] as const).map((one) => server.client(lab.host(one), ...args));
    for (const client of clients) {
      assert.equal((await client.exited).code, 3);
    }
    assert.equal(await rules(lab.host('a')), '');
  });
});
