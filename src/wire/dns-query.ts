import { readName, skipName } from './dns-name.js';

/** Bytes of a DNS header (RFC 1035 section 4.1.1). */
export const DNS_HEADER_LENGTH = 12;

/** Type and class of a question, behind its name. */
const QUESTION_FIXED = 4;
/** Type, class, TTL and length of a record, behind its name. */
const RECORD_FIXED = 10;
const OPTION_FIXED = 4;
const OPT = 41;
const RESPONSE_FLAG = 0x80;
const OPCODE_MASK = 0x78;
const DNSSEC_OK_FLAG = 0x80;

/** The types that matter here. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  6: 'SOA',
  12: 'PTR',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  43: 'DS',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  251: 'IXFR',
  252: 'AXFR',
  255: 'ANY',
};

export const CLASS_IN = 1;

/** What is asked for. */
export interface Question {
  /** As readName gives it: lower case, without the last dot. */
  readonly name: string;
  /** A, NS, SOA, PTR, TXT, AAAA, SRV, DS, RRSIG, NSEC, DNSKEY, IXFR, AXFR or ANY; else `TYPEn` (RFC 3597). */
  readonly type: string;
}

/** The OPT record of EDNS(0) (RFC 6891 section 6.1). */
export interface Edns {
  /** The largest datagram that the asker takes, as it says. */
  readonly udpSize: number;
  readonly version: number;
  /** The DO bit: signatures are wanted (RFC 3225). */
  readonly dnssecOk: boolean;
}

/** A well-formed query with one question. */
export interface Query {
  readonly question: Question;
  readonly class: number;
  /** Bytes of the question's name in the message, where it begins behind the header. */
  readonly nameLength: number;
  /** Offset behind the question. */
  readonly questionEnd: number;
  readonly edns: Edns | undefined;
}

/** What is no such query: to be passed over, answered FORMERR, or answered NOTIMP. */
export type QueryFault = 'silent' | 'formerr' | 'notimp';

/** Decodes a query; never throws. Responses and what has no whole header are to be passed over. */
export function decodeQuery(message: Uint8Array): Query | QueryFault {
  if (message.length < DNS_HEADER_LENGTH || ((message[2] as number) & RESPONSE_FLAG) !== 0) {
    return 'silent';
  }
  if (((message[2] as number) & OPCODE_MASK) !== 0) {
    return 'notimp';
  }
  const name = uint16(message, 4) === 1 ? readName(message, DNS_HEADER_LENGTH) : undefined;
  if (name === undefined || name.end + QUESTION_FIXED > message.length) {
    return 'formerr';
  }
  const questionEnd = name.end + QUESTION_FIXED;
  const edns = readRecords(message, questionEnd);
  if (edns === 'malformed') {
    return 'formerr';
  }
  return {
    question: { name: name.text, type: typeName(uint16(message, name.end)) },
    class: uint16(message, name.end + 2),
    nameLength: name.end - DNS_HEADER_LENGTH,
    questionEnd,
    edns,
  };
}

function typeName(type: number): string {
  return TYPE_NAMES[type] ?? `TYPE${type}`;
}

/** Steps over all records up to the very end of the message and finds the OPT record, if there is one. */
function readRecords(message: Uint8Array, start: number): Edns | undefined | 'malformed' {
  const before = uint16(message, 6) + uint16(message, 8);
  const count = before + uint16(message, 10);
  let edns: Edns | undefined;
  let at = start;
  // Each round takes 11 bytes at least, so a large count ends with the message.
  for (let i = 0; i < count; i++) {
    const fixed = skipName(message, at);
    if (fixed === undefined || fixed + RECORD_FIXED > message.length) {
      return 'malformed';
    }
    const data = fixed + RECORD_FIXED;
    const end = data + uint16(message, data - 2);
    if (end > message.length) {
      return 'malformed';
    }
    if (uint16(message, fixed) === OPT) {
      // There is at most one, in the additional section, and it is the root's.
      if (
        i < before ||
        edns !== undefined ||
        message[at] !== 0 ||
        !areOptions(message, data, end)
      ) {
        return 'malformed';
      }
      edns = {
        udpSize: uint16(message, fixed + 2),
        version: message[fixed + 5] as number,
        dnssecOk: ((message[fixed + 6] as number) & DNSSEC_OK_FLAG) !== 0,
      };
    }
    at = end;
  }
  return at === message.length ? edns : 'malformed';
}

function areOptions(message: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at + OPTION_FIXED <= end) {
    at += OPTION_FIXED + uint16(message, at + 2);
  }
  return at === end;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
