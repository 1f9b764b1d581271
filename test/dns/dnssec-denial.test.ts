import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type NsecAnswer } from 'dns-packet';
import fc from 'fast-check';
import { type Nsec, noData, noName } from '../../src/dns/dnssec/denial.js';
import { encodeName } from '../../src/wire/dns-name.js';
import { compareNames, covers, zoneView } from './dnssec-check.js';

const ZONE = 'example.com';
const SERVICE = `_wireguard._udp.${ZONE}`;
const PEERS = [
  'yutrled535igkl7bdlerl6m4vjxsxm3uqqpl4nmsn27mt56ad4ha====',
  'wmrid55v4enhxqx2jstyoyvkicj5pihkb2tr7r42smiu3t5l4i5q====',
].map((label) => `${label}.${SERVICE}`);

const view = zoneView(ZONE, {
  [SERVICE]: ['PTR'],
  ...Object.fromEntries(PEERS.map((peer) => [peer, ['A', 'TXT', 'SRV']])),
});
const EXISTING = [ZONE, `_udp.${ZONE}`, SERVICE, ...PEERS];
const typesAt = (name: string) => view.typesAt(name);

function record({ owner, next, types }: Nsec): NsecAnswer {
  return { name: owner, type: 'NSEC', data: { nextDomain: next, rrtypes: [...types] } };
}

/** An octet of a label as questions have it. */
function octetText(octet: number): string {
  const text = String.fromCharCode(octet).toLowerCase();
  return /^[!-~]$/.test(text) && !/[.\\]/.test(text) ? text : `\\${String(octet).padStart(3, '0')}`;
}

/** The longest existing name above one. */
function encloserOf(name: string): string {
  const above = EXISTING.filter((existing) => name.endsWith(`.${existing}`));
  return above.sort((a, b) => b.length - a.length)[0] as string;
}

/** Checks what a validator checks (RFC 4035 section 5.4), and that nothing else is denied. */
function assertDenied(name: string): void {
  const found = noName(name, ZONE, typesAt).map(record);
  assert.ok(
    found.some((nsec) => covers(nsec, name, ZONE)),
    `${name} is not covered`,
  );
  const wildcard = `*.${encloserOf(name)}`;
  assert.ok(
    found.some((nsec) => covers(nsec, wildcard, ZONE)),
    `${wildcard} is not covered`,
  );
  for (const nsec of found) {
    assert.ok(!EXISTING.some((existing) => covers(nsec, existing, ZONE)), JSON.stringify(nsec));
    assert.deepEqual(nsec.data.rrtypes, [...(typesAt(nsec.name) ?? []), 'RRSIG', 'NSEC']);
    // An owner whose child is next would say that there is something below.
    assert.ok(!nsec.data.nextDomain.endsWith(`.${name}`));
    const [decoded] = decode(encode({ answers: [nsec] })).answers as NsecAnswer[];
    assert.deepEqual([decoded?.name, decoded?.data.nextDomain], [nsec.name, nsec.data.nextDomain]);
  }
}

test('names are in canonical order: the example of RFC 4034 section 6.1', () => {
  const sorted = [
    'example',
    'a.example',
    'yljkjljk.a.example',
    'Z.a.example',
    'zABC.a.EXAMPLE',
    'z.example',
    '\\001.z.example',
    '*.z.example',
    '\\200.z.example',
  ];
  assert.deepEqual([...sorted].reverse().sort(compareNames), sorted);
});

test('a name without the type: its types, and an interval with nothing in it', () => {
  assert.deepEqual(noData(`_udp.${ZONE}`, []), {
    owner: `_udp.${ZONE}`,
    next: `\0._udp.${ZONE}`,
    types: ['RRSIG', 'NSEC'],
  });
});

test('a name that does not exist: itself and the wildcard are covered, as in RFC 4470', () => {
  assert.deepEqual(noName('www.example.com', ZONE, typesAt), [
    { owner: 'wwv~.example.com', next: 'www-.example.com', types: ['RRSIG', 'NSEC'] },
    { owner: ')~.example.com', next: '*-.example.com', types: ['RRSIG', 'NSEC'] },
  ]);
  assert.equal(noName('*.example.com', ZONE, typesAt).length, 1);
});

test('below an empty non-terminal, the service and a peer, the wildcard is one of theirs', () => {
  for (const parent of [`_udp.${ZONE}`, SERVICE, ...PEERS]) {
    const [, wildcard] = noName(`x.y.${parent}`, ZONE, typesAt);
    assert.equal(wildcard?.owner, `)~.${parent}`);
    assertDenied(`x.y.${parent}`);
  }
});

test('names next to existing ones, and labels with every octet at either end', () => {
  const [peer = ''] = PEERS;
  for (const label of ['0', '=', '~', '-', '\\000', '\\255']) {
    assertDenied(peer.replace('.', `${label}.`));
    assertDenied(label + peer);
  }
  for (const existing of EXISTING.slice(1)) {
    for (const late of ['\\000', '\\000\\000', '\\000x']) {
      assertDenied(existing.replace('.', `${late}.`));
    }
  }
  assertDenied(peer.replace('=.', '.'));
  assertDenied(peer.replace('=.', '<.'));
  for (let octet = 0; octet < 256; octet += 1) {
    for (const label of [octetText(octet), `a${octetText(octet)}`, octetText(octet).repeat(63)]) {
      assertDenied(`${label}.${SERVICE}`);
    }
  }
});

test('a denial beside a delegation is of it, and beside an empty name of the last below that', () => {
  const empty = `${'l'.repeat(62)}a.${ZONE}`;
  const delegations = { [`vpn.${ZONE}`]: ['NS', 'DS'], [`a.${empty}`]: ['NS', 'DS'] } as const;
  const outer = zoneView(ZONE, delegations);
  const first = (name: string) => noName(name, ZONE, (it) => outer.typesAt(it))[0];
  assert.deepEqual(first(`vpn\\000.${ZONE}`), {
    owner: `vpn.${ZONE}`,
    next: `vpn\0-.${ZONE}`,
    types: ['NS', 'DS', 'RRSIG', 'NSEC'],
  });
  const denial = first(empty.replace('a.', 'b.'));
  assert.deepEqual([denial?.owner, denial?.types], [`~.${empty}`, ['RRSIG', 'NSEC']]);
});

test('names of all lengths up to the longest are followed and covered by names that fit', () => {
  for (let length = 170; length <= 180; length += 1) {
    const zone = 'z.'
      .repeat(90)
      .slice(0, length - 1)
      .replace(/[.]$/, 'z')
      .concat('z');
    const peer = `${'p'.repeat(56)}._wireguard._udp.${zone}`;
    const long = zoneView(zone, { [peer]: ['A'] });
    const { next } = noData(peer, ['A']);
    assert.ok(compareNames(peer, next) < 0 && encodeName(next).length <= 255, next);
    for (const room of [1, 2, 3]) {
      const name = `${'x'.repeat(room)}.${peer}`;
      for (const nsec of name.length > 253 ? [] : noName(name, zone, (it) => long.typesAt(it))) {
        assert.ok(encodeName(nsec.owner).length <= 255 && encodeName(nsec.next).length <= 255);
        assert.ok(compareNames(nsec.owner, nsec.next) < 0);
      }
    }
  }
});

test('any name that does not exist is denied, and no other', () => {
  const octet = fc.oneof(
    fc.constantFrom(...'abcyz27_=-*~+)'),
    fc.integer({ min: 0, max: 255 }).map(octetText),
  );
  const label = fc
    .array(octet, { minLength: 1, maxLength: 63, size: 'max' })
    .map((octets) => octets.join(''));
  const name = fc
    .tuple(fc.array(label, { minLength: 1, maxLength: 2 }), fc.constantFrom(...EXISTING))
    .map(([labels, parent]) => `${labels.join('.')}.${parent}`)
    .filter((text) => text.replace(/\\\d{3}/g, 'x').length <= 253 && typesAt(text) === undefined);
  fc.assert(fc.property(name, assertDenied), { numRuns: 500 });
});
