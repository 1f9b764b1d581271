import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Facts, ProbeFacts } from '../../src/check/facts.js';
import { judge } from '../../src/check/judge.js';
import { parseQuickConfig } from '../../src/check/quick-config.js';
import { checkLines, exitCodeOf } from '../../src/cli/check-run.js';
import { textWidth } from '../../src/cli/text-width.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { parsePublicKey } from '../../src/wire/key.js';
import { SAMPLE_STATUS } from '../client/sample-status.js';

const PEER = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
const NOW = Date.parse('2026-11-29T02:00:00Z');

const PROBE: ProbeFacts = {
  endpoint: parseEndpoint('192.0.2.1:49918'),
  fromWireguardPort: true,
  outcome: 'answered',
  roundTripMs: 12,
  clockAheadMs: 5,
  seenAs: parseEndpoint('203.0.113.7:51820'),
  route: {
    family: 4,
    to: '192.0.2.1',
    interface: 'eth0',
    source: '10.1.0.2',
    reverseInterface: 'eth0',
    rpFilter: 1,
  },
};

const peer = (more = {}) => ({
  publicKey: parsePublicKey(PEER),
  endpoint: undefined,
  allowedIps: ['10.9.0.2/32'],
  latestHandshakeMs: 0,
  receivedBytes: 0,
  sentBytes: 0,
  persistentKeepalive: 0,
  ...more,
});

function facts(more: Partial<Facts> = {}): Facts {
  return {
    interfaceName: 'wg0',
    now: NOW,
    interface: {
      device: { publicKey: parsePublicKey(PEER), listenPort: 51820, fwmark: 0, peers: [peer()] },
    },
    client: 'none',
    otherClients: [],
    servers: [{ name: 'rv:49918', protocol: 'classic', lookupError: undefined, probes: [PROBE] }],
    peerRoutes: [],
    nat: {},
    router: undefined,
    localAddresses: ['10.1.0.2'],
    firewall: { drops: [], readBy: ['nft'] },
    config: undefined,
    registered: new Map([[PEER, parseEndpoint('198.51.100.9:40000')]]),
    late: [],
    ...more,
  };
}

const withProbe = (probe: Partial<ProbeFacts>, protocol: 'classic' | 'sealed' = 'sealed') =>
  facts({
    servers: [
      { name: 'rv:49918', protocol, lookupError: undefined, probes: [{ ...PROBE, ...probe }] },
    ],
  });

function said(given: Facts): string {
  return judge(given)
    .map(({ item, mark, seen }) => `${mark} ${item}: ${seen}`)
    .join('\n');
}

describe('a judgement', () => {
  it('of a host without fault has nothing to do', () => {
    assert.equal(exitCodeOf(judge(facts())), 0);
    assert.match(
      said(facts()),
      /^ok server: rv:49918 over IPv4 .* answers in 12 ms in the classic protocol$/m,
    );
  });

  it('of a NAT takes a server that has seen this host', () => {
    assert.match(said(facts()), /^note nat: behind a NAT or a firewall; one server alone /m);
    const unseen = facts({ servers: [] });
    assert.match(said(unseen), /^note mapping: no server said where it sees this host$/m);
    assert.doesNotMatch(said(unseen), / nat: /);
  });

  it('is 3 if something could not be found out in time, and 1 if there is something to do as well', () => {
    const late = { ...withProbe({ outcome: 'silent' }), late: ['server rv:49918'] };
    assert.equal(exitCodeOf(judge({ ...late, registered: new Map() })), 3);
    assert.match(said(late), /^unknown server: .*no answer in the time of this check$/m);
    const down = { ...late, interface: { reason: 'down' as const } };
    assert.equal(exitCodeOf(judge(down)), 1);
    const slow = facts({ interface: { error: 'wg did not answer' }, late: ['interface'] });
    assert.match(said(slow), /^unknown interface: wg did not answer$/m);
  });

  it('of a clock names the difference, and the key that two hosts use', () => {
    assert.match(
      said(withProbe({ clockAheadMs: -7_200_000 })),
      /^problem server: this host's clock is 2 h behind/m,
    );
    assert.doesNotMatch(said(withProbe({ clockAheadMs: 30_000 })), /clock/);
    assert.match(
      said(withProbe({ staleByMs: 5000 })),
      /^problem server: .* a time of this key that is 5 s ahead/m,
    );
  });

  it('of one family that does not work, beside one that does, is a note', () => {
    const six = { ...PROBE, endpoint: parseEndpoint('[2001:db8::1]:49918'), route: undefined };
    const probes = [PROBE, { ...six, outcome: { errorCode: 'ENETUNREACH' } }];
    const both = facts({
      servers: [{ name: 'rv:49918', protocol: 'classic', lookupError: undefined, probes }],
    });
    assert.match(said(both), /^note server: .*IPv6.*no route there \(ENETUNREACH\)$/m);
    assert.equal(exitCodeOf(judge(both)), 0);
  });

  it('of each peer says what to expect, and why', () => {
    const verdict = (more: Partial<Facts>) => said(facts(more)).split('\n').at(-1);
    assert.match(
      verdict({ nat: { mapping: 'none' } }) ?? '',
      /direct expected, because this host has no NAT$/,
    );
    assert.match(
      verdict({ nat: { mapping: 'endpoint-independent' } }) ?? '',
      /direct expected, because this host's NAT has an endpoint-independent mapping$/,
    );
    assert.match(
      verdict({ nat: { mapping: 'address-dependent' } }) ?? '',
      /^problem peer: .*relay needed where the peer's NAT/,
    );
    const neighbour = new Map([[PEER, parseEndpoint('203.0.113.7:40000')]]);
    assert.match(verdict({ registered: neighbour }) ?? '', /behind the same NAT as this host/);
    assert.match(
      verdict({ registered: new Map([[PEER, 'unknown' as const]]) }) ?? '',
      /^problem peer: .*not registered/,
    );
    const hard = { mapping: 'address-and-port-dependent' } as const;
    const [connected] = SAMPLE_STATUS.peers;
    const connecting = { ...connected!, state: 'connecting', nat: hard } as const;
    const client = { ...SAMPLE_STATUS, peers: [connecting] };
    assert.match(
      verdict({ client, registered: new Map(), nat: hard }) ?? '',
      /^problem peer: laptop: .* relay needed, because both NATs have/,
    );
    assert.match(verdict({ client: SAMPLE_STATUS }) ?? '', /^ok peer: laptop: connected, direct/);
  });

  it('shows what other parts of the program learn of the NATs', () => {
    const nat = {
      mapping: 'endpoint-independent',
      filtering: 'address-and-port-dependent',
      hairpin: false,
      carrierNat: true,
      portMapping: { protocol: 'pcp', external: '203.0.113.7:51820' },
    } as const;
    const text = said(facts({ nat }));
    assert.match(
      text,
      /^ok nat: endpoint-independent mapping, address-and-port-dependent filtering, does not hairpin, carrier NAT$/m,
    );
    assert.match(text, /^note port-mapping: port mapped by pcp to 203\.0\.113\.7:51820$/m);
  });

  it('says whether the router maps ports, and whether that is of use', () => {
    const router = {
      address: '10.1.0.1',
      protocols: ['PCP', 'UPnP'],
      outside: '203.0.113.7',
    } as const;
    assert.match(
      said(facts({ router })),
      /^ok port-mapping: the router 10\.1\.0\.1 maps ports by PCP, UPnP at 203\.0\.113\.7$/m,
    );
    assert.match(
      said(facts({ router: { ...router, outside: '100.64.0.9' } })),
      /^note port-mapping: .* at 100\.64\.0\.9, which is not where servers see this host: behind a second NAT/m,
    );
    assert.match(
      said(facts({ router: { ...router, protocols: [], outside: undefined } })),
      /^note port-mapping: the router 10\.1\.0\.1 maps no port \(asked by PCP, NAT-PMP and UPnP\)$/m,
    );
    assert.match(said(facts({ router: 'none' })), /^note port-mapping: this host has no router/m);
    assert.match(
      said(facts({ late: ['port-mapping'] })),
      /^unknown port-mapping: the router did not answer in time$/m,
    );
  });

  it('of a pinned Endpoint distinguishes one that works', () => {
    const config = {
      file: '/etc/wireguard/wg0.conf',
      saves: false,
      pinned: new Map([[PEER, 'old.example:1']]),
    };
    assert.match(
      said(facts({ config })),
      /^problem peers: .* has Endpoint = old\.example:1 .*never had a handshake$/m,
    );
    const device = facts().interface.device;
    const alive = { ...device!, peers: [peer({ latestHandshakeMs: NOW - 1000 })] };
    assert.match(
      said(facts({ config, interface: { device: alive } })),
      /^note peers: .*which works/m,
    );
  });
});

describe('a judgement beside a client of the DNS approach', () => {
  it('takes the word of the client about its server', () => {
    const dns = (state: 'silent' | 'answers') => {
      const servers = [{ name: '10.9.0.254:53', protocol: 'dns', state }] as const;
      return said(facts({ servers: [], client: { ...SAMPLE_STATUS, servers } }));
    };
    assert.match(
      dns('silent'),
      /^problem server: 10\.9\.0\.254:53 \(dns\), as the client sees it: silent$/m,
    );
    assert.match(dns('answers'), /^ok server: .*answers$/m);
  });
});

describe('the lines of a check', () => {
  it('fit every width, with the advice below', () => {
    const findings = judge(withProbe({ outcome: 'wrong-key' }));
    for (const columns of [20, 40, 80]) {
      const lines = checkLines(findings, { columns, colour: false }, true);
      assert.deepEqual(
        lines.filter((line) => textWidth(line) > columns),
        [],
      );
    }
    const lines = checkLines(findings, { columns: 200, colour: false }, false);
    assert.match(
      lines.join('\n'),
      /^! server: .*another key than the one given\n {2}> {2}compare with/m,
    );
    assert.match(lines.at(-1) as string, /^\d+ things? to do$/);
  });
});

describe("wg-quick's file", () => {
  it('gives SaveConfig and the pinned endpoints, in any spelling', () => {
    const text = `
[Interface]
PrivateKey = ${PEER}
  saveconfig=TRUE # keep
[Peer]
# a comment
PublicKey = ${PEER}
Endpoint=vpn.example:51820
[peer]
PublicKey = other`;
    const { saves, pinned } = parseQuickConfig(Buffer.from(text));
    assert.equal(saves, true);
    assert.deepEqual([...pinned], [[PEER, 'vpn.example:51820']]);
    assert.deepEqual(parseQuickConfig(Buffer.from('garbage \0\xff')).saves, false);
  });
});
