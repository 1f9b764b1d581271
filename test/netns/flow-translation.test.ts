import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { MovedFlow } from '../../src/client/paths/flow-script.js';
import { type FlowSystem, FlowTranslation } from '../../src/client/paths/flow-translation.js';
import { runNft } from '../../src/client/paths/nft.js';
import { createLab, type Lab } from '../../src/lab/index.js';
import { forgetFlow } from '../../src/socket/flow-table.js';
import { namespacePath, useSocketNamespace } from '../../src/socket/network-namespace.js';
import { type Endpoint, endpoint } from '../../src/wire/endpoint.js';

const SYSTEM: FlowSystem = { nft: runNft, forget: forgetFlow };
const LOCAL = { 4: '198.51.100.10', 6: '2001:db8::10' } as const;
const PEERS = [endpoint('198.51.100.77', 4000), endpoint('2001:db8::77', 4000)];

/** What a user may have: with our priorities, our match, and sets. */
const USERS_RULES = `
  table ip nat {
    chain postrouting {
      type nat hook postrouting priority srcnat
      udp sport 51820 counter
      oifname "docker0" masquerade
    }
  }
  table inet wg-rendezvous {
    set blocked {
      type ipv4_addr
      elements = { 203.0.113.9 }
    }
    chain out-wg0 {
      type filter hook output priority filter
      ip daddr @blocked drop
    }
  }
  table ip6 wg-rendezvous-own {
    chain in {
      type filter hook input priority filter - 10
      udp dport 51820 accept
    }
  }`;

function flow(remote: Endpoint, port: number, listenPort = 51_820): MovedFlow {
  return { remote, port, listenPort };
}

function move(translation: FlowTranslation, { family, ...rest }: Endpoint, port: number) {
  return translation.move(flow({ family, ...rest }, port), LOCAL[family]);
}

describe('the nft table of moved flows', () => {
  let lab: Lab<'a'>;
  const rules = () => lab.host('a').exec('nft', ['-a', 'list', 'ruleset']);
  const interfaces = () => [new FlowTranslation('wg0'), new FlowTranslation('wg1')] as const;

  before(async () => {
    lab = await createLab({ hosts: { a: { wireguard: false } } });
    useSocketNamespace(namespacePath(lab.host('a').netns));
  });

  afterEach(() => lab.host('a').nft('flush ruleset'));

  after(async () => {
    useSocketNamespace(undefined);
    await lab.dispose();
  });

  for (const peer of PEERS) {
    it(`IPv${peer.family}: two interfaces share it; one ends, the other's flow stays; no trace of both`, async () => {
      const [first, second] = interfaces();
      await Promise.all([move(first, peer, 40_001), move(second, peer, 40_002)]);
      const both = await rules();
      assert.match(both, /out-wg0 [\s\S]*masquerade to :40001/);
      assert.match(both, /out-wg1 [\s\S]*masquerade to :40002/);
      await first.end(peer, undefined);
      const left = await rules();
      assert.doesNotMatch(left, /40001|wg0/);
      assert.match(left, /masquerade to :40002/);
      await second.close(() => false);
      assert.equal(await rules(), '');
    });

    it(`IPv${peer.family}: a flow that another interface moves while the last one ends stays`, async () => {
      const second = new FlowTranslation('wg1');
      const first = new FlowTranslation('wg0', {
        ...SYSTEM,
        nft: async (args, script) => {
          if (script?.includes('delete table')) {
            await move(second, peer, 40_002);
          }
          return runNft(args, script);
        },
      });
      await move(first, peer, 40_001);
      await first.end(peer, undefined);
      assert.match(await rules(), /masquerade to :40002/);
      await second.end(peer, undefined);
      assert.equal(await rules(), '');
    });
  }

  it('ends without a trace when both interfaces end at the same moment', async () => {
    for (let i = 0; i < 10; i++) {
      const both = interfaces();
      await Promise.all(both.map((one, n) => move(one, PEERS[0] as Endpoint, 40_001 + n)));
      await Promise.all(both.map((one) => one.close(() => false)));
      assert.equal(await rules(), '');
    }
  });

  it('the next run of an interface takes over its own flows, and leaves those of the other', async () => {
    const [first, second] = interfaces();
    await Promise.all(PEERS.map((peer) => move(first, peer, 40_001)));
    await Promise.all(PEERS.map((peer) => move(second, peer, 40_002)));
    await first.close(() => true);
    const [next] = interfaces();
    const remotes: Endpoint[] = [];
    await next.adopt(({ remote }) => {
      remotes.push(remote);
      return remote.family === 6;
    });
    assert.deepEqual(remotes, PEERS);
    assert.deepEqual(next.flows, [flow(PEERS[1] as Endpoint, 40_001)]);
    const now = await rules();
    assert.equal(now.match(/masquerade to :40001/g)?.length, 1);
    assert.equal(now.match(/masquerade to :40002/g)?.length, 2);
    await Promise.all([next, second].map((one) => one.close(() => false)));
    assert.equal(await rules(), '');
  });

  it("leaves the user's own tables as they are", async () => {
    const host = lab.host('a');
    await host.nft(USERS_RULES);
    const before = await rules();
    const [first] = interfaces();
    for (const peer of PEERS) {
      await move(first, peer, 40_001);
      assert.ok((await rules()).startsWith(before));
    }
    await first.close(() => true);
    await new FlowTranslation('wg0').adopt(() => false);
    assert.equal(await rules(), before);
  });

  it('does not delete what the user keeps in a table of the same name', async () => {
    const host = lab.host('a');
    for (const own of ['set mine { type ipv4_addr ; }', 'chain mine { }']) {
      await host.nft(
        `add table ip wg-rendezvous\nadd ${own.replace('mine', 'ip wg-rendezvous mine')}`,
      );
      const [first] = interfaces();
      await move(first, PEERS[0] as Endpoint, 40_001);
      await first.close(() => false);
      const left = await rules();
      assert.match(left, / mine /);
      assert.doesNotMatch(left, /wg0/);
      await host.nft('flush ruleset');
    }
  });
});
