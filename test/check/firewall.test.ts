import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findDrops } from '../../src/check/firewall/firewall.js';
import { parseIptables } from '../../src/check/firewall/iptables-ruleset.js';
import { parseNft } from '../../src/check/firewall/nft-ruleset.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';

const TRAFFIC = {
  listenPort: 51820,
  fwmark: 0,
  servers: [{ endpoint: parseEndpoint('192.0.2.1:49918'), interface: 'eth0' }],
  peers: [{ endpoint: parseEndpoint('198.51.100.9:40000'), interface: 'eth0' }],
};

const UDP_DPORT = { payload: { protocol: 'udp', field: 'dport' } };
const CT_STATE = { ct: { key: 'state' } };
const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } });

/** A ruleset with one chain, as `nft -j list ruleset` prints it. */
function nft(hook: string, policy: string, rules: unknown[][], more: unknown[] = []) {
  const own = { family: 'inet', table: 'filter' };
  const chain = { ...own, name: hook, type: 'filter', hook, prio: 0, policy };
  return JSON.stringify({
    nftables: [
      { metainfo: { json_schema_version: 1 } },
      { table: { family: 'inet', name: 'filter' } },
      ...more,
      { chain },
      ...rules.map((expr) => ({ rule: { ...own, chain: hook, expr } })),
    ],
  });
}

function nftDrops(...args: Parameters<typeof nft>): string[] {
  return findDrops(parseNft(nft(...args)), TRAFFIC).map(({ what, rule }) => `${what}: ${rule}`);
}

describe('rules of nft', () => {
  it('that drop the port are found, with the rule in words', () => {
    assert.deepEqual(
      nftDrops('input', 'accept', [[match(UDP_DPORT, 51820), { counter: {} }, { drop: null }]]),
      [
        'packets from the server: nft inet filter input: udp dport 51820 drop',
        'packets from peers: nft inet filter input: udp dport 51820 drop',
      ],
    );
    assert.deepEqual(nftDrops('output', 'accept', [[match(UDP_DPORT, 49918), { reject: {} }]]), [
      'packets to the server: nft inet filter output: udp dport 49918 reject',
    ]);
  });

  it('that accept established connections first drop nothing of ours', () => {
    for (const accepted of [
      [match(CT_STATE, ['established', 'related'], 'in'), { accept: null }],
      [match(CT_STATE, { set: ['established', 'related'] }), { accept: null }],
      [
        {
          vmap: {
            key: CT_STATE,
            data: {
              set: [
                ['established', { accept: null }],
                ['invalid', { drop: null }],
              ],
            },
          },
        },
      ],
    ]) {
      assert.deepEqual(nftDrops('input', 'drop', [accepted]), []);
    }
    assert.equal(
      nftDrops('input', 'drop', []).length,
      2,
      'and a policy drops what no rule accepts',
    );
  });

  it('match by ranges, sets, prefixes and interfaces', () => {
    const set = {
      set: { family: 'inet', table: 'filter', name: 'ports', elem: [1, { range: [51000, 52000] }] },
    };
    const drops = (left: unknown, right: unknown, op?: string) =>
      nftDrops('input', 'accept', [[match(left, right, op), { drop: null }]], [set]).length;
    assert.equal(drops(UDP_DPORT, { range: [51000, 52000] }), 2);
    assert.equal(drops(UDP_DPORT, '@ports'), 2);
    assert.equal(drops(UDP_DPORT, { set: [53, 67] }), 0);
    assert.equal(drops(UDP_DPORT, 51820, '!='), 0);
    const source = { payload: { protocol: 'ip', field: 'saddr' } };
    assert.equal(drops(source, { prefix: { addr: '192.0.2.0', len: 24 } }), 1);
    assert.equal(drops({ meta: { key: 'iifname' } }, 'eth*'), 2);
    assert.equal(drops({ meta: { key: 'iifname' } }, 'wlan0'), 0);
    assert.equal(drops({ payload: { protocol: 'tcp', field: 'dport' } }, 51820), 0);
  });

  it('that are not understood are never blamed, and nothing behind them is', () => {
    const strange = [match({ fib: { result: 'type' } }, 'local'), { accept: null }];
    assert.deepEqual(nftDrops('input', 'drop', [strange]), []);
    assert.deepEqual(nftDrops('input', 'accept', [[{ limit: { rate: 1 } }, { drop: null }]]), []);
    assert.deepEqual(nftDrops('input', 'accept', [[{ jump: { target: 'gone' } }]]), []);
  });

  it('in a chain that is jumped to count, and jumps in a circle end', () => {
    const chain = { chain: { family: 'inet', table: 'filter', name: 'more' } };
    const rule = (expr: unknown[]) => ({
      rule: { family: 'inet', table: 'filter', chain: 'more', expr },
    });
    assert.deepEqual(
      nftDrops(
        'input',
        'accept',
        [[{ jump: { target: 'more' } }]],
        [chain, rule([{ drop: null }])],
      )[0],
      'packets from the server: nft inet filter more: drop',
    );
    assert.deepEqual(
      nftDrops(
        'input',
        'accept',
        [[{ jump: { target: 'more' } }]],
        [chain, rule([{ jump: { target: 'more' } }])],
      ),
      [],
    );
  });
});

describe('rules of iptables', () => {
  const drops = (text: string) =>
    findDrops(parseIptables(text, 4), TRAFFIC).map(({ what, rule }) => `${what}: ${rule}`);

  it('that drop the port are found, and a chain of ufw is followed', () => {
    const text = `# Generated by iptables-save
*filter
:INPUT DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -j ufw-before
-A ufw-before -p udp -m udp --dport 51820 -m comment --comment "no \\"tunnels\\" here" -j DROP
COMMIT
`;
    assert.match(
      drops(text)[0] as string,
      /^packets from the server: iptables filter ufw-before: -p udp .* -j DROP$/,
    );
  });

  it('that accept established connections, or the port, drop nothing', () => {
    for (const rule of [
      '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-p udp -m multiport --dports 53,51000:52000 -j ACCEPT',
      '-s 192.0.2.0/24 -j ACCEPT\n-A INPUT -s 198.51.100.9/32 -j ACCEPT',
      '! -i wlan0 -p udp -j ACCEPT',
    ]) {
      const text = `*filter\n:INPUT DROP [0:0]\n-A INPUT ${rule}\nCOMMIT\n`;
      assert.deepEqual(drops(text), [], rule);
    }
    assert.equal(drops('*filter\n:INPUT DROP [0:0]\nCOMMIT\n').length, 2);
    assert.deepEqual(drops('*nat\n:INPUT DROP [0:0]\nCOMMIT\n'), [], 'nat judges nothing');
  });

  it('that are not understood are never blamed', () => {
    const text =
      '*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set ok src -j ACCEPT\nCOMMIT\n';
    assert.deepEqual(drops(text), []);
  });
});
