import type { Answer, SoaAnswer } from 'dns-packet';
import { encodeName, MAX_NAME_LENGTH } from './dns-name.js';
import { type Endpoint, withoutZone } from './endpoint.js';
import { formatPublicKey, formatPublicKeyBase32, type PublicKey } from './key.js';

/** The service of DNS-SD (RFC 6763 section 4.1.2) that lists peers, below a zone. */
export const SERVICE = '_wireguard._udp';

/** Endpoints change at any time, so resolvers must not cache them. */
const TTL_SECONDS = 0;
/** TTL of denials and of the apex, as in wgsd. */
const ZONE_TTL_SECONDS = 60;
/** A base32 key with its padding, `_wireguard`, `_udp`: each with its length byte. */
const INSTANCE_PREFIX_LENGTH = 57 + 11 + 5;
/** Bytes of a string in a TXT record. */
const MAX_TXT_STRING = 255;
const ZONE = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** The meaning of a name in a zone. */
export type Place =
  | { readonly kind: 'apex' }
  /** `ns1`, the target of SOA and NS. */
  | { readonly kind: 'nameserver' }
  /** `_udp`: no records, but names below it (an empty non-terminal, RFC 4592 section 2.2.2). */
  | { readonly kind: 'protocol' }
  | { readonly kind: 'service' }
  /** Of the form of a peer's name; the label need not be a key. */
  | { readonly kind: 'instance'; readonly label: string }
  | { readonly kind: 'nowhere' };

const FIXED_PLACES: ReadonlyMap<string, Place> = new Map([
  ['', { kind: 'apex' }],
  ['ns1', { kind: 'nameserver' }],
  ['_udp', { kind: 'protocol' }],
  [SERVICE, { kind: 'service' }],
]);
const NOWHERE: Place = { kind: 'nowhere' };

/**
 * Checks a zone as typed and gives its name: lower case, without the last dot.
 * Throws a RangeError when it is no host name, or too long for a peer's name below it.
 */
export function parseZone(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, '');
  if (!ZONE.test(name)) {
    throw new RangeError('a zone is labels of letters, digits and hyphens, joined by dots');
  }
  const length = encodeName(name).length;
  if (length > MAX_NAME_LENGTH - INSTANCE_PREFIX_LENGTH) {
    const most = MAX_NAME_LENGTH - INSTANCE_PREFIX_LENGTH - 2;
    throw new RangeError(`a zone has at most ${most} characters, for a key before it`);
  }
  return name;
}

/** Whether a name is the zone's apex or below it. Both in lower case, without the last dot. */
export function isWithin(name: string, zone: string): boolean {
  return name.endsWith(zone) && (name.length === zone.length || name.at(-zone.length - 1) === '.');
}

/**
 * The meaning of a name in the zone.
 * @param service serviceName(zone), for callers that keep it
 */
export function placeOf(name: string, zone: string, service = serviceName(zone)): Place {
  const labelLength = name.length - service.length - 1;
  if (labelLength >= 0 && name.endsWith(service) && name[labelLength] === '.') {
    const label = name.slice(0, labelLength);
    return label.includes('.') ? NOWHERE : { kind: 'instance', label };
  }
  return FIXED_PLACES.get(name.slice(0, -zone.length - 1)) ?? NOWHERE;
}

/** A key as the label of its instance: base32 in lower case, with the padding. */
export function instanceLabel(key: PublicKey): string {
  return formatPublicKeyBase32(key).toLowerCase();
}

/** The name that lists all peers. */
export function serviceName(zone: string): string {
  return `${SERVICE}.${zone}`;
}

/** The name of a peer. */
export function instanceName(label: string, zone: string): string {
  return `${label}.${SERVICE}.${zone}`;
}

export function ptrRecord(label: string, zone: string): Answer {
  const data = instanceName(label, zone);
  return { name: serviceName(zone), type: 'PTR', class: 'IN', ttl: TTL_SECONDS, data };
}

/** A peer's port; the target is the name itself (RFC 2782). */
export function srvRecord(name: string, port: number): Answer {
  const data = { priority: 0, weight: 0, port, target: name };
  return { name, type: 'SRV', class: 'IN', ttl: TTL_SECONDS, data };
}

/** A or AAAA; a zone (`%eth0`) means nothing elsewhere and is left out. */
export function addressRecord(name: string, { address, family }: Omit<Endpoint, 'port'>): Answer {
  const type = family === 4 ? 'A' : 'AAAA';
  return { name, type, class: 'IN', ttl: TTL_SECONDS, data: withoutZone(address) };
}

/**
 * The TXT record of a peer (RFC 6763 section 6): `txtvers`, `pub` and `allowed`. A string has at most 255
 * bytes, and only the first one of a key counts, so AllowedIPs that do not fit are left out.
 */
export function txtRecord(name: string, key: PublicKey, allowedIps: readonly string[]): Answer {
  let allowed = `allowed=${allowedIps[0] ?? ''}`;
  for (const prefix of allowedIps.slice(1)) {
    if (allowed.length + 1 + prefix.length > MAX_TXT_STRING) {
      break;
    }
    allowed += `,${prefix}`;
  }
  // As bytes: dns-packet would replace the strings by bytes at each encoding.
  const data = ['txtvers=1', `pub=${formatPublicKey(key)}`, allowed].map((it) => Buffer.from(it));
  return { name, type: 'TXT', class: 'IN', ttl: TTL_SECONDS, data };
}

/** The zone's authority, with wgsd's figures. */
export function soaRecord(zone: string): SoaAnswer {
  const data = {
    mname: nameserverName(zone),
    rname: `postmaster.${zone}`,
    serial: 1,
    refresh: 86_400,
    retry: 7200,
    expire: 3_600_000,
    minimum: ZONE_TTL_SECONDS,
  };
  return { name: zone, type: 'SOA', class: 'IN', ttl: ZONE_TTL_SECONDS, data };
}

export function nsRecord(zone: string): Answer {
  return { name: zone, type: 'NS', class: 'IN', ttl: ZONE_TTL_SECONDS, data: nameserverName(zone) };
}

/** The name of the server itself. */
export function nameserverName(zone: string): string {
  return `ns1.${zone}`;
}
