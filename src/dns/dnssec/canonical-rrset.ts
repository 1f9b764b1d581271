import { type Answer, encode, type OptAnswer } from 'dns-packet';

/** A record that can be signed, which the pseudo-record of EDNS cannot. */
export type ResourceRecord = Exclude<Answer, OptAnswer>;

/** Records with the same name, type and TTL. */
export type Rrset = readonly [ResourceRecord, ...ResourceRecord[]];

const HEADER_LENGTH = 12;
/** Type, class, TTL and data length, between owner and data. */
const FIXED_LENGTH = 10;

/**
 * The canonical form of a set (RFC 4034 section 6): each record with its names in lower case and
 * uncompressed, in the order of their data, each once.
 */
export function canonicalRrset(records: Rrset): Buffer {
  const dataAt = nameLength(canonicalName(records[0].name)) + FIXED_LENGTH;
  const encoded = records
    .map((record) => encodeRecord(canonicalRecord(record)))
    .sort((a, b) => Buffer.compare(a.subarray(dataAt), b.subarray(dataAt)));
  return Buffer.concat(encoded.filter((bytes, at) => at === 0 || !bytes.equals(encoded[at - 1]!)));
}

/** The data of a record on the wire, with names uncompressed and in their case. */
export function encodeData(record: ResourceRecord): Buffer {
  return encodeRecord(record).subarray(nameLength(canonicalName(record.name)) + FIXED_LENGTH);
}

/** The sets that are among records: those of one name, without case, and type. */
export function rrsetsOf(records: readonly ResourceRecord[]): Rrset[] {
  const sets = new Map<string, [ResourceRecord, ...ResourceRecord[]]>();
  for (const record of records) {
    const key = `${record.type} ${canonicalName(record.name)}`;
    const set = sets.get(key);
    if (set === undefined) {
      sets.set(key, [record]);
    } else {
      set.push(record);
    }
  }
  return [...sets.values()];
}

/** dns-packet does not compress names. */
function encodeRecord(record: ResourceRecord): Buffer {
  return encode({ answers: [record] }).subarray(HEADER_LENGTH);
}

/** Lower case for the owner and for the names in the data of the types that a registry has. */
function canonicalRecord(record: ResourceRecord): ResourceRecord {
  const name = canonicalName(record.name);
  switch (record.type) {
    case 'NS':
    case 'PTR':
      return { ...record, name, data: canonicalName(record.data) };
    case 'SRV':
      return {
        ...record,
        name,
        data: { ...record.data, target: canonicalName(record.data.target) },
      };
    case 'SOA': {
      const { mname, rname } = record.data;
      const names = { mname: canonicalName(mname), rname: canonicalName(rname) };
      return { ...record, name, data: { ...record.data, ...names } };
    }
    case 'TXT':
      // dns-packet puts buffers in place of the strings that it encodes.
      return { ...record, name, data: [record.data].flat() };
    default:
      return { ...record, name };
  }
}

/** The canonical form of a name (RFC 4034 section 6.2): ASCII letters in lower case; no dot at the end. */
export function canonicalName(name: string): string {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  return bare.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The labels of a name without a dot at the end, the leftmost first; none for the root. */
export function labelsOf(name: string): string[] {
  return name === '' ? [] : name.split('.');
}

/** The name of a label below a name. */
export function childOf(parent: string, label: string): string {
  return parent === '' ? label : `${label}.${parent}`;
}

/** Bytes on the wire of a name that has no escapes. */
export function nameLength(name: string): number {
  return name === '' ? 1 : name.length + 2;
}
