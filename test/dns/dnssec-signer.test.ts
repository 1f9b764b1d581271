import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { Answer, DSAnswer, RrsigAnswer } from 'dns-packet';
import fc from 'fast-check';
import { DENIAL_RATE, DenialBudget } from '../../src/dns/dnssec/denial-budget.js';
import { OnlineSigner } from '../../src/dns/dnssec/online-signer.js';
import { SignatureCache } from '../../src/dns/dnssec/signature-cache.js';
import { ZoneKey } from '../../src/dns/dnssec/zone-key.js';
import type { Reply } from '../../src/dns/signer.js';
import { FIRST_NAME, Registry, rcodeOf } from './asking.js';
import { assertSigned, nsecs, zoneView } from './dnssec-check.js';

const ZONE = 'example.com';
const SERVICE = `_wireguard._udp.${ZONE}`;
const PEER = `wmrid55v4enhxqx2jstyoyvkicj5pihkb2tr7r42smiu3t5l4i5q====.${SERVICE}`;
const START_MS = Date.UTC(2030, 0, 1);
const HOUR_MS = 3_600_000;

const key = new ZoneKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const view = zoneView(ZONE, { [SERVICE]: ['PTR'], [PEER]: ['A', 'TXT', 'SRV'] });

const common = { name: PEER, class: 'IN', ttl: 0 } as const;
const SRV: Reply = {
  rcode: 'NOERROR',
  answers: [{ ...common, type: 'SRV', data: { port: 51820, target: PEER } }],
  authorities: [],
  additionals: [
    { ...common, type: 'A', data: '3.3.3.3' },
    { ...common, type: 'TXT', data: ['txtvers=1', 'allowed=10.0.0.0/24'] },
  ],
};

function negative(rcode: Reply['rcode']): Reply {
  return { rcode, answers: [], authorities: [view.soa], additionals: [] };
}

function signer(now: () => number = () => START_MS): OnlineSigner {
  return new OnlineSigner(key, now);
}

function firstSignature(records: readonly Answer[]): RrsigAnswer['data'] {
  return (records.find(({ type }) => type === 'RRSIG') as RrsigAnswer).data;
}

test('every set of an answer is signed, and the answer is not changed', () => {
  const before = structuredClone(SRV);
  const signed = signer().sign(SRV, { name: PEER, type: 'SRV' }, view);
  assertSigned(signed, key, START_MS / 1000);
  assert.equal(signed.answers.length, 2);
  assert.equal(signed.additionals.length, 4);
  assert.deepEqual(signed.authorities, []);
  assert.deepEqual({ ...SRV }, before);
});

test('signatures verify for any addresses, ports and texts (property)', () => {
  const one = signer();
  const peer = fc.record({
    address: fc.ipV4(),
    port: fc.integer({ min: 1, max: 65535 }),
    text: fc.string({ maxLength: 60, size: 'max' }),
    ttl: fc.integer({ min: 0, max: 86400 }),
  });
  fc.assert(
    fc.property(fc.array(peer, { minLength: 1, maxLength: 5 }), (peers) => {
      const [first] = peers;
      const ttl = first?.ttl ?? 0;
      const answers = peers.flatMap(({ address, port, text }): Answer[] => [
        { ...common, ttl, type: 'A', data: address },
        { ...common, ttl, type: 'SRV', data: { port, target: PEER } },
        { ...common, ttl, type: 'TXT', data: [text] },
      ]);
      assertSigned(
        one.sign({ ...SRV, answers }, { name: PEER, type: 'ANY' }, view),
        key,
        START_MS / 1000,
      );
    }),
    { numRuns: 50 },
  );
});

test('a name without the type: NSEC with its types and the TTL of the negative answer', () => {
  for (const [name, types] of [
    [PEER, ['A', 'TXT', 'SRV']],
    [`_udp.${ZONE}`, []],
    [ZONE, ['SOA', 'NS', 'DNSKEY']],
  ] as const) {
    const signed = signer().sign(negative('NOERROR'), { name, type: 'MX' }, view);
    assertSigned(signed, key, START_MS / 1000);
    assert.equal(signed.rcode, 'NOERROR');
    const [nsec, ...more] = nsecs(signed.authorities);
    assert.equal(more.length, 0);
    assert.deepEqual([nsec?.name, nsec?.ttl], [name, 30]);
    assert.deepEqual(nsec?.data.rrtypes, [...types, 'RRSIG', 'NSEC']);
  }
});

test('a name that does not exist stays NXDOMAIN, with two NSECs', () => {
  const signed = signer().sign(negative('NXDOMAIN'), { name: `www.${ZONE}`, type: 'A' }, view);
  assertSigned(signed, key, START_MS / 1000);
  assert.equal(signed.rcode, 'NXDOMAIN');
  assert.equal(nsecs(signed.authorities).length, 2);
});

test('DNSKEY is answered at the apex alone, NSEC and RRSIG wherever there is a name', () => {
  const one = signer();
  const answerTo = (name: string, type: string) => {
    const reply = one.reply({ name, type }, view);
    if (reply === undefined) {
      return [];
    }
    const signed = one.sign(reply, { name, type }, view);
    assertSigned(signed, key, START_MS / 1000);
    assert.deepEqual(signed.answers.slice(0, reply.answers.length), reply.answers);
    return signed.answers.map((record) => record.type);
  };
  assert.deepEqual(answerTo(ZONE, 'DNSKEY'), ['DNSKEY', 'RRSIG']);
  assert.deepEqual(answerTo(PEER, 'DNSKEY'), []);
  assert.deepEqual(answerTo(PEER, 'NSEC'), ['NSEC', 'RRSIG']);
  assert.deepEqual(answerTo(`www.${ZONE}`, 'NSEC'), []);
  assert.deepEqual(answerTo(PEER, 'SRV'), []);
  const rrsig = one.reply({ name: PEER, type: 'RRSIG' }, view);
  assert.equal(firstSignature(rrsig?.answers ?? []).typeCovered, 'NSEC');
  assert.equal(rrsig?.answers.length, 1);
});

test('a zone within another has its DS in that one, whose denials do not deny it', () => {
  const zones = [ZONE, `vpn.${ZONE}`, `b.c.${ZONE}`].map((name) => ({ name }));
  const registry = new Registry(undefined, zones, signer());
  const ask = (name: string, type: string) =>
    registry.ask(name, type, { udpSize: 1232, dnssecOk: true });
  for (const name of [`vpn.${ZONE}`, `b.c.${ZONE}`]) {
    const { answers = [] } = ask(name, 'DS');
    assert.deepEqual(
      answers.map(({ type }) => type),
      ['DS', 'RRSIG'],
    );
    assert.deepEqual((answers[0] as DSAnswer).data, key.ds(name).data);
    assert.equal(firstSignature(answers).signersName, ZONE);
    assert.equal(firstSignature(ask(name, 'DNSKEY').answers ?? []).signersName, name);
  }
  for (const [name, type, owner, types] of [
    [`vpn\0.${ZONE}`, 'A', `vpn.${ZONE}`, ['NS', 'DS', 'RRSIG', 'NSEC']],
    [`c.${ZONE}`, 'DS', `c.${ZONE}`, ['RRSIG', 'NSEC']],
    [`vpn.${ZONE}`, 'MX', `vpn.${ZONE}`, ['NS', 'SOA', 'RRSIG', 'NSEC', 'DNSKEY']],
    [ZONE, 'DS', ZONE, ['NS', 'SOA', 'RRSIG', 'NSEC', 'DNSKEY']],
  ] as const) {
    const [nsec] = nsecs(ask(name, type).authorities ?? []);
    assert.deepEqual([nsec?.name, nsec?.data.rrtypes], [owner, types], `${type} of ${name}`);
  }
});

test('a signature is used for an hour, is good for another, and for clocks that are an hour slow', () => {
  let now = START_MS;
  const one = signer(() => now);
  const signature = () =>
    firstSignature(one.sign({ ...SRV }, { name: PEER, type: 'SRV' }, view).answers);
  const first = signature();
  now += HOUR_MS;
  assert.deepEqual(signature().signature, first.signature);
  now += 1000;
  const second = signature();
  assert.notDeepEqual(second.signature, first.signature);
  assert.equal(first.inception, (START_MS - HOUR_MS) / 1000);
  assert.equal(first.expiration, (START_MS + 2 * HOUR_MS) / 1000);
  assert.equal(second.expiration, (now + 2 * HOUR_MS) / 1000);
});

test('a reply that was signed is given again for a minute', () => {
  let now = START_MS;
  const one = signer(() => now);
  const signed = () => one.sign(SRV, { name: PEER, type: 'SRV' }, view);
  const first = signed();
  now += 59_999;
  assert.equal(signed(), first);
  now += 1;
  assert.notEqual(signed(), first);
  assert.deepEqual(signed(), first);
});

test('a peer that moved is signed again at once', () => {
  const one = signer();
  const first = one.sign(SRV, { name: PEER, type: 'SRV' }, view);
  const answers: Answer[] = [{ ...common, type: 'SRV', data: { port: 51821, target: PEER } }];
  const second = one.sign({ ...SRV, answers }, { name: PEER, type: 'SRV' }, view);
  assertSigned(second, key, START_MS / 1000);
  assert.notDeepEqual(firstSignature(second.answers), firstSignature(first.answers));
  assert.deepEqual(firstSignature(second.additionals), firstSignature(first.additionals));
});

test('the cache is bounded, and drops the least recently used signature', () => {
  const cache = new SignatureCache(2, 10);
  let made = 0;
  const use = (name: string, now = 100) =>
    cache.get(name, now, () => {
      made += 1;
      return Buffer.alloc(64);
    });
  for (const name of ['a', 'b', 'a', 'c', 'a']) {
    use(name);
  }
  assert.equal(made, 3);
  use('b');
  assert.equal(made, 4);
  assert.equal(cache.size, 2);
});

test('the cache keeps a signature for its lifetime, and none from the future', () => {
  const cache = new SignatureCache(2, 10);
  const madeAt = (now: number) => cache.get('a', now, () => Buffer.alloc(64)).madeAt;
  assert.deepEqual([100, 110, 111, 111, 110].map(madeAt), [100, 100, 111, 111, 110]);
  assert.equal(cache.size, 1);
});

test('the budget of denials is a second deep, fills with time, and a clock set back gives nothing', () => {
  const budget = new DenialBudget();
  const use = (now: number) => {
    let used = 0;
    for (; used < 3 * DENIAL_RATE && budget.hasRoom(now); used++) {
      budget.spend();
    }
    return used;
  };
  assert.deepEqual([1000, 1000, 1500, 1, 2, 60_000].map(use), [
    DENIAL_RATE,
    0,
    DENIAL_RATE / 2,
    0,
    DENIAL_RATE / 1000,
    DENIAL_RATE,
  ]);
  for (let i = 0; i < 5 * DENIAL_RATE; i++) {
    budget.spend();
  }
  assert.equal(budget.hasRoom(61_000), false);
  assert.equal(budget.hasRoom(61_001), true, 'no more is owed than a second gives');
});

test('a flood of names that do not exist: TC over UDP, signed over TCP, and peers as ever', () => {
  let now = START_MS;
  let made = 0;
  const counted = new ZoneKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const sign = counted.sign.bind(counted);
  counted.sign = (data) => {
    made += 1;
    return sign(data);
  };
  const registry = new Registry(undefined, undefined, new OnlineSigner(counted, () => now));
  const dnssec = { udpSize: 1232, dnssecOk: true } as const;
  const ask = (name: string) => registry.ask(`${name}.example.com`, 'A', dnssec);
  registry.ask(FIRST_NAME, 'SRV', dnssec);
  const whole = ask('first');
  assert.deepEqual(
    [rcodeOf(whole), whole.flag_tc, whole.authorities?.length],
    ['NXDOMAIN', false, 6],
  );
  made = 0;
  for (let i = 0; i < DENIAL_RATE + 100; i++) {
    ask(`x${i}`);
  }
  assert.ok(made <= DENIAL_RATE, `${made} signatures`);
  const cut = ask('late');
  assert.deepEqual([rcodeOf(cut), cut.flag_tc], ['NOERROR', true]);
  assert.deepEqual([cut.answers, cut.authorities], [[], []]);
  const overTcp = registry.ask('late.example.com', 'A', { ...dnssec, transport: 'tcp' });
  assert.deepEqual([rcodeOf(overTcp), overTcp.authorities?.length], ['NXDOMAIN', 6]);
  const plain = registry.ask('late.example.com', 'A');
  assert.deepEqual([rcodeOf(plain), plain.flag_tc], ['NXDOMAIN', false]);
  assert.equal(registry.ask(FIRST_NAME, 'SRV', dnssec).answers?.length, 2);
  now += 1000;
  assert.equal(rcodeOf(ask('later')), 'NXDOMAIN');
});

test('denials push out no signature of a peer', () => {
  let now = START_MS;
  const one = signer(() => now);
  const signature = () =>
    firstSignature(one.sign({ ...SRV }, { name: PEER, type: 'SRV' }, view).answers).inception;
  const first = signature();
  now += 60_000;
  const { absent, rrsets } = one as unknown as Record<string, { cache: SignatureCache }>;
  const before = rrsets?.cache.size;
  for (let i = 0; i < 3000; i++) {
    one.sign(negative('NXDOMAIN'), { name: `x${i}.${ZONE}`, type: 'A' }, view);
  }
  assert.equal(rrsets?.cache.size, (before ?? 0) + 1, 'the SOA record alone');
  assert.equal(absent?.cache.size, 2048);
  assert.equal(signature(), first);
});
