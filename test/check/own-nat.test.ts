import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProbeFacts } from '../../src/check/facts.js';
import { natVerdict, neighbourVerdict } from '../../src/check/nat-verdict.js';
import { natOf } from '../../src/check/own-nat.js';
import type { NatFacts } from '../../src/client/status/nat-facts.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { SAMPLE_STATUS } from '../client/sample-status.js';

function probe(server: string, seenAs: string, source = '192.168.1.2'): ProbeFacts {
  return {
    endpoint: parseEndpoint(server),
    fromWireguardPort: true,
    outcome: 'answered',
    seenAs: parseEndpoint(seenAs),
    route: { family: 4, to: server, interface: 'eth0', source },
  };
}

const A = '192.0.2.1:49918';
const B = '198.51.100.1:49918';
const SEEN = '203.0.113.7:51820';
const LOCAL = ['192.168.1.2'];

describe("this host's NAT, as a check sees it", () => {
  it('is that of two servers, where no client runs', () => {
    assert.deepEqual(natOf('none', [probe(A, SEEN)], LOCAL), {});
    const same = [probe(A, SEEN), probe(B, SEEN)];
    assert.deepEqual(natOf('none', same, LOCAL), { mapping: 'endpoint-independent' });
    const other = [probe(A, SEEN), probe(B, '203.0.113.7:2')];
    assert.deepEqual(natOf('none', other, LOCAL), { mapping: 'address-dependent' });
    assert.deepEqual(natOf('none', same, ['203.0.113.7']), { mapping: 'none' });
  });

  it('is behind a carrier NAT by the address that requests leave from, and by no other tunnel', () => {
    assert.deepEqual(natOf('none', [probe(A, SEEN, '100.64.0.2')], []), { carrierNat: true });
    assert.deepEqual(natOf('none', [probe(A, SEEN)], ['192.168.1.2', '100.64.0.2']), {});
  });

  it('is what the running client knows, which sees more', () => {
    const nat = { mapping: 'address-and-port-dependent', hairpin: false } as const;
    const client = { ...SAMPLE_STATUS, nat };
    assert.deepEqual(natOf(client, [probe(A, SEEN), probe(B, SEEN)], LOCAL), nat);
  });
});

const EASY: NatFacts = { mapping: 'endpoint-independent' };
const HARD: NatFacts = { mapping: 'address-and-port-dependent' };
const OPEN: NatFacts = { ...HARD, portMapping: { protocol: 'pcp', external: SEEN } };

describe('the verdict on two NATs', () => {
  const verdict = (own: NatFacts, peer: NatFacts) => {
    const { verdict: text, advice } = natVerdict(own, peer, ['203.0.113.7']);
    return `${text}${advice === undefined ? '' : ' -> advice'}`;
  };

  it('is relay where both mappings depend on the destination', () => {
    const expected = 'relay needed, because both NATs have an endpoint-dependent mapping -> advice';
    assert.equal(verdict(HARD, HARD), expected);
    assert.equal(verdict({ mapping: 'address-dependent' }, HARD), expected);
  });

  it('is direct, with the reason, where one side is easy', () => {
    const both = 'direct expected, because both NATs have an endpoint-independent mapping';
    assert.equal(verdict(EASY, EASY), both);
    assert.match(verdict(HARD, EASY), /^direct expected after .* only this host's NAT has an endp/);
    assert.match(verdict(EASY, HARD), /^direct expected after .* only the peer's NAT has an endp/);
    assert.match(verdict({ mapping: 'none' }, HARD), /because this host has no NAT$/);
    assert.match(verdict(HARD, { mapping: 'none' }), /because the peer has no NAT$/);
  });

  it('is direct with a mapped port, if that is at the address that servers see', () => {
    assert.match(verdict(OPEN, HARD), /because this host's router maps the port$/);
    assert.match(natVerdict(OPEN, HARD, ['198.51.100.77']).verdict, /^relay needed/);
    assert.match(verdict({ ...HARD, portMapping: 'none' }, HARD), /^relay needed/);
  });

  it('says what it depends on where one is not known', () => {
    assert.match(verdict({}, {}), /^direct expected unless both/);
    assert.match(verdict(EASY, {}), /^direct expected, because this host's NAT/);
    assert.match(verdict({}, EASY), /^direct expected, because the peer's NAT/);
    assert.match(verdict(HARD, {}), /^relay needed where the peer's NAT .*-> advice$/);
    assert.match(verdict({}, HARD), /^relay needed where this host's NAT .*-> advice$/);
  });

  it('on one NAT: local addresses, which the classic protocol does not exchange', () => {
    assert.match(neighbourVerdict({}, true).verdict, /direct expected by its local address$/);
    assert.match(neighbourVerdict({ hairpin: true }, true).verdict, /which hairpins$/);
    assert.equal(neighbourVerdict({ hairpin: false }, true).advice, undefined);
    assert.match(neighbourVerdict({ hairpin: false }, true).verdict, /relay needed where each/);
    const tried = neighbourVerdict({ hairpin: false }, true, true);
    assert.match(tried.verdict, /not reached at its local addresses: relay needed/);
    assert.match(tried.advice ?? '', /--relay/);
    assert.match(neighbourVerdict({ hairpin: true }, false).verdict, /because the NAT hairpins$/);
    assert.match(neighbourVerdict({ hairpin: false }, false).advice ?? '', /sealed protocol/);
    assert.equal(neighbourVerdict({}, false).advice, undefined);
  });
});
