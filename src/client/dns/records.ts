import type { Answer, SrvAnswer, StringAnswer } from 'dns-packet';
import { encodeName } from '../../wire/dns-name.js';
import {
  addressFamily,
  type Endpoint,
  endpoint,
  isUsable,
  sameEndpoint,
} from '../../wire/endpoint.js';

/** SRV records of a name that are followed; the others are ignored. */
const MAX_SERVICES = 4;

/** Addresses of a name that are used; the others are ignored. */
const MAX_ADDRESSES = 4;

/** CNAME records in a row that are followed. */
const MAX_ALIASES = 8;

const TARGET = /^[!-[\]-~]+$/;

/** The target of an SRV record: a port, and the name of its host. */
export interface SrvTarget {
  /** In lower case, without the last dot. */
  readonly target: string;
  readonly port: number;
  readonly ttlSeconds: number;
}

/** An address of a host. */
export interface HostAddress {
  readonly address: string;
  readonly ttlSeconds: number;
}

/**
 * The targets in the SRV records of a name, in the order in which to try them (RFC 2782): by priority,
 * then weight, else as received. Unusable ones, such as the target `.` or port 0, are left out.
 */
export function targetsOf(records: readonly Answer[], name: string): SrvTarget[] {
  const owners = aliasesOf(records, name);
  const found = records.filter(
    (record): record is SrvAnswer =>
      record.type === 'SRV' && isOwned(record, owners) && canBeFollowed(record),
  );
  const order = ({ data: a }: SrvAnswer, { data: b }: SrvAnswer) =>
    (a.priority ?? 0) - (b.priority ?? 0) || (b.weight ?? 0) - (a.weight ?? 0);
  return found
    .sort(order)
    .slice(0, MAX_SERVICES)
    .map(({ data, ttl = 0 }) => ({
      target: normalName(data.target),
      port: data.port,
      ttlSeconds: ttl,
    }));
}

/** The addresses of a host, IPv6 before IPv4. */
export function addressesOf(records: readonly Answer[], host: string): HostAddress[] {
  const owners = aliasesOf(records, host);
  const all = records.filter(
    (record): record is StringAnswer =>
      (record.type === 'A' || record.type === 'AAAA') &&
      isOwned(record, owners) &&
      addressFamily(record.data) === (record.type === 'A' ? 4 : 6),
  );
  return [...all.filter(({ type }) => type === 'AAAA'), ...all.filter(({ type }) => type === 'A')]
    .slice(0, MAX_ADDRESSES)
    .map(({ data, ttl = 0 }) => ({ address: data, ttlSeconds: ttl }));
}

/** Endpoints to try, in this order, without duplicates and unusable ones. */
export function endpointsOf(addresses: readonly HostAddress[], port: number): Endpoint[] {
  const all = addresses.map(({ address }) => endpoint(address, port)).filter(isUsable);
  return all.filter((one, i) => all.findIndex((other) => sameEndpoint(one, other)) === i);
}

/** A name in lower case, without the last dot; '' is the root. */
function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** A name and the names that it is an alias for, by CNAME records. */
function aliasesOf(records: readonly Answer[], name: string): Set<string> {
  const aliases = new Map<string, string>();
  for (const record of records) {
    if (record.type === 'CNAME' && isInternet(record)) {
      aliases.set(normalName(record.name), normalName(record.data));
    }
  }
  const names = new Set<string>();
  let next: string | undefined = normalName(name);
  while (next !== undefined && !names.has(next) && names.size <= MAX_ALIASES) {
    names.add(next);
    next = aliases.get(next);
  }
  return names;
}

function isOwned(record: Answer, owners: ReadonlySet<string>): boolean {
  return isInternet(record) && owners.has(normalName(record.name));
}

function isInternet(record: Answer): boolean {
  return 'class' in record && record.class === 'IN';
}

function canBeFollowed({ data: { target, port } }: SrvAnswer): boolean {
  return port !== 0 && isAskable(normalName(target));
}

/** Whether a name can be queried: the server chooses the targets. */
function isAskable(name: string): boolean {
  try {
    return TARGET.test(name) && encodeName(name).length > 0;
  } catch {
    return false;
  }
}
