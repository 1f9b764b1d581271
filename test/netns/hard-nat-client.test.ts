import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, type LabHost, type NatKind, until } from '../../src/lab/index.js';
import { connected } from './our-programs.js';
import { SealedServer } from './sealed-programs.js';

const PAIRS: readonly { a: NatKind; b: NatKind; name: string }[] = [
  { a: 'symmetric', b: 'cone', name: 'through a hard NAT' },
  {
    a: 'cone',
    b: 'cgnat-block',
    name: 'through a carrier NAT with a block of ports, from the other side',
  },
  { a: 'port-mapping', b: 'symmetric', name: 'by a port that the router maps' },
];

/** The nftables rules of a host. */
function rules(host: LabHost): Promise<string> {
  return host.exec('nft', ['list', 'ruleset']);
}

/** A symmetric and a cone NAT, with an open path through a socket of a. */
async function movedPair() {
  const hosts = { a: { nat: 'symmetric' }, b: { nat: 'cone' } } as const;
  let found = 'nothing';
  // Of 257 mappings that b may guess one is WireGuard's own, and needs no rule.
  for (let tries = 0; tries < 3; tries++) {
    const lab = await createLab({ hosts, distance: { roundTripMs: 50 } });
    try {
      const server = await SealedServer.start(lab);
      const [first] = (['a', 'b'] as const).map((one) => server.client(lab.host(one)));
      await connected(lab, ['a', 'b']);
      const [moved] = /masquerade to :\d+/.exec(await rules(lab.host('a'))) ?? [];
      if (moved !== undefined && first !== undefined) {
        return {
          ...{ lab, server, first, moved },
          async [Symbol.asyncDispose]() {
            await lab.dispose();
            await server[Symbol.asyncDispose]();
          },
        };
      }
      found = `${await rules(lab.host('a'))}\n${first?.stderr}`;
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

  it('symmetric x cone: the next run adopts the moved flow; one with --no-hard-nat ends it', async () => {
    await using pair = await movedPair();
    const { lab, server, first, moved } = pair;
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
    await until('no rules', async () => (await rules(a)) === '');
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
