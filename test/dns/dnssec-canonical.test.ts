import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type NsecAnswer } from 'dns-packet';
import fc from 'fast-check';
import {
  canonicalRrset,
  encodeData,
  type ResourceRecord,
  type Rrset,
  rrsetsOf,
} from '../../src/dns/dnssec/canonical-rrset.js';

function ptr(data: string, name = '_wireguard._udp.example.com'): ResourceRecord {
  return { name, type: 'PTR', class: 'IN', ttl: 0, data };
}

test('the exact bytes of a set: lower case, sorted by data, each record once', () => {
  const a = (data: string, name: string) =>
    ({ name, type: 'A', class: 'IN', ttl: 7, data }) as const;
  const set = canonicalRrset([
    a('10.0.0.2', 'eX.NET'),
    a('9.0.0.3', 'Ex.net'),
    a('9.0.0.3', 'ex.net'),
  ]);
  const head = '026578036e65740000010001000000070004';
  assert.equal(set.toString('hex'), `${head}09000003${head}0a000002`);
});

test('shorter data that other data starts with comes first (RFC 4034 section 6.3)', () => {
  const txt = (data: string[]): ResourceRecord => ({
    name: 'x',
    type: 'TXT',
    class: 'IN',
    ttl: 0,
    data,
  });
  const set = canonicalRrset([txt(['a', '']), txt(['a'])]);
  const head = '0178000010000100000000';
  assert.equal(set.toString('hex'), `${head}00020161${head}0003016100`);
});

test('names in data are in lower case (RFC 4034 section 6.2), texts and NSEC names as they are', () => {
  const same = (upper: ResourceRecord, lower: ResourceRecord) =>
    assert.deepEqual(canonicalRrset([upper]), canonicalRrset([lower]));
  const common = { name: 'x', class: 'IN', ttl: 0 } as const;
  same(ptr('B.Example'), ptr('b.example'));
  same({ ...common, type: 'NS', data: 'NS1.x' }, { ...common, type: 'NS', data: 'ns1.x' });
  same(
    { ...common, type: 'SRV', data: { port: 1, target: 'P.X' } },
    { ...common, type: 'SRV', data: { port: 1, target: 'p.x' } },
  );
  same(
    { ...common, type: 'SOA', data: { mname: 'NS1.x', rname: 'Me.x' } },
    { ...common, type: 'SOA', data: { mname: 'ns1.x', rname: 'me.x' } },
  );
  assert.match(canonicalRrset([{ ...common, type: 'TXT', data: ['Pub=K'] }]).toString(), /Pub=K/);
  const nsec: NsecAnswer = {
    ...common,
    type: 'NSEC',
    data: { nextDomain: 'Next', rrtypes: ['A'] },
  };
  assert.match(canonicalRrset([nsec]).toString(), /Next/);
});

test('the order and the case in which records come change nothing', () => {
  const label = fc.stringMatching(/^[a-z2-7_=]{1,20}$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 1 }), fc.boolean(), (labels, reverse) => {
      const records = labels.map((data) => ptr(data));
      const shouted = labels.map((data) => ptr(data.toUpperCase(), '_WireGuard._UDP.example.COM'));
      const other = reverse ? shouted.reverse() : [...shouted, ...records];
      assert.deepEqual(
        canonicalRrset(other as unknown as Rrset),
        canonicalRrset(records as unknown as Rrset),
      );
    }),
  );
});

test('sets differ by type, and by name without case', () => {
  const records: ResourceRecord[] = [
    ptr('a', 'x'),
    { name: 'x', type: 'A', data: '192.0.2.1' },
    ptr('b', 'X'),
    ptr('a', 'y'),
  ];
  assert.deepEqual(
    rrsetsOf(records).map((set) =>
      set.map((record) => `${record.name} ${record.type} ${record.data}`),
    ),
    [['x PTR a', 'X PTR b'], ['x A 192.0.2.1'], ['y PTR a']],
  );
});

test('the type bitmap of NSEC: the example of RFC 4034 section 4.3', () => {
  const rrtypes = ['A', 'MX', 'RRSIG', 'NSEC', 'UNKNOWN_1234'];
  const data = { nextDomain: 'host.example.com', rrtypes };
  const nsec: NsecAnswer = { name: 'alfa.example.com', type: 'NSEC', ttl: 86400, data };
  assert.equal(
    encodeData(nsec).toString('hex'),
    `04686f7374076578616d706c6503636f6d000006400100000003041b${'00'.repeat(26)}20`,
  );
  const [decoded] = decode(encode({ answers: [nsec] })).answers as NsecAnswer[];
  assert.deepEqual(new Set(decoded?.data.rrtypes), new Set(rrtypes));
});
