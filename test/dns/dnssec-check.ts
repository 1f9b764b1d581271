import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import type { Answer, NsecAnswer, RecordType, RrsigAnswer } from 'dns-packet';
import {
  canonicalName,
  canonicalRrset,
  encodeData,
  labelsOf,
  type ResourceRecord,
  type Rrset,
  rrsetsOf,
} from '../../src/dns/dnssec/canonical-rrset.js';
import type { ZoneKey } from '../../src/dns/dnssec/zone-key.js';
import type { Reply, ZoneView } from '../../src/dns/signer.js';

/** Octets of a label with each octet as a character; without case (RFC 4034 section 6.1). */
function labelOctets(label: string): Buffer {
  return Buffer.from(
    label
      .replace(/\\(\d{3})/g, (_, octet) => String.fromCharCode(Number(octet)))
      .replace(/[A-Z]/g, (c) => c.toLowerCase()),
    'latin1',
  );
}

/** Canonical DNS name order (RFC 4034 section 6.1). */
export function compareNames(a: string, b: string): number {
  const ours = labelsOf(a).reverse().map(labelOctets);
  const theirs = labelsOf(b).reverse().map(labelOctets);
  for (const [index, label] of ours.entries()) {
    const other = theirs[index];
    const order = other === undefined ? 1 : Buffer.compare(label, other);
    if (order !== 0) {
      return order;
    }
  }
  return ours.length - theirs.length;
}

/** Whether an NSEC says that a name does not exist: the last of a zone has the apex as next. */
export function covers({ name, data }: NsecAnswer, other: string, zone: string): boolean {
  const beforeNext = data.nextDomain === zone || compareNames(other, data.nextDomain) < 0;
  return compareNames(name, other) < 0 && beforeNext;
}

/** Whether a signature is right for a set under a key, at a time in seconds. */
export function verifies(set: Rrset, { data }: RrsigAnswer, key: ZoneKey, now: number): boolean {
  const point = key.dnskey('').data.key;
  const [x, y] = [point.subarray(0, 32), point.subarray(32)].map((part) =>
    part.toString('base64url'),
  );
  const jwk = { kty: 'EC', crv: 'P-256', x: x as string, y: y as string };
  const unsigned = {
    name: 'x',
    type: 'RRSIG',
    data: { ...data, signature: Buffer.alloc(0) },
  } as const;
  const original = set.map((record) => ({ ...record, ttl: data.originalTTL }));
  return (
    data.inception <= now &&
    now <= data.expiration &&
    verify(
      'sha256',
      Buffer.concat([encodeData(unsigned), canonicalRrset(original as unknown as Rrset)]),
      { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
      data.signature,
    )
  );
}

/** Checks that every set of a reply has one signature of a key, and that each verifies. */
export function assertSigned(reply: Reply, key: ZoneKey, now: number): void {
  for (const section of [reply.answers, reply.authorities, reply.additionals]) {
    const signatures = section.filter((record) => record.type === 'RRSIG') as RrsigAnswer[];
    const sets = rrsetsOf(section.filter((record) => record.type !== 'RRSIG') as ResourceRecord[]);
    assert.equal(signatures.length, sets.length);
    for (const set of sets) {
      const signature = signatures.find(
        ({ name, data }) => name === set[0].name && data.typeCovered === set[0].type,
      );
      assert.ok(signature, `${set[0].name} ${set[0].type} has no signature`);
      assert.ok(verifies(set, signature, key, now), `${set[0].name} ${set[0].type}`);
    }
  }
}

/** A zone that has these types at these names, and empty non-terminals above them. */
export function zoneView(
  name: string,
  names: Readonly<Record<string, readonly RecordType[]>>,
): ZoneView {
  const types = new Map<string, readonly RecordType[]>([[name, ['SOA', 'NS']]]);
  for (const [owner, has] of Object.entries(names)) {
    types.set(owner, has);
    for (let rest = owner; rest !== name; rest = labelsOf(rest).slice(1).join('.')) {
      types.set(rest, types.get(rest) ?? []);
    }
  }
  const data = { mname: `ns1.${name}`, rname: `postmaster.${name}`, serial: 1, minimum: 60 };
  return {
    name,
    soa: { name, type: 'SOA', class: 'IN', ttl: 30, data },
    typesAt: (owner) => types.get(canonicalName(owner)),
  };
}

/** The NSEC records among others. */
export function nsecs(records: readonly Answer[]): NsecAnswer[] {
  return records.filter((record) => record.type === 'NSEC') as NsecAnswer[];
}
