import { readName, skipName } from './dns-name.js';

/** IANA's port of DNS. */
export const DNS_PORT = 53;

/** Bytes of a DNS header (RFC 1035 section 4.1.1). */
export const DNS_HEADER_LENGTH = 12;

/** The largest reply over UDP: no fragments on any path (DNS Flag Day 2020). */
export const MAX_UDP_REPLY = 1232;

export const CLASS_IN = 1;

/** Type and class of a question, behind its name. */
const QUESTION_FIXED = 4;
/** Type, class, TTL and length of a record, behind its name. */
const RECORD_FIXED = 10;
const OPTION_FIXED = 4;
const OPT = 41;

const RESPONSE_FLAG = 0x80;
const OPCODE_MASK = 0x78;
const TRUNCATED_FLAG = 0x02;
const RCODE_MASK = 0x0f;
const DNSSEC_OK_FLAG = 0x80;

/** The types that registry and client know. */
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

/** Name and type of a question. */
export interface Question<Type extends string = string> {
  /** As readName returns it: lower case, without the last dot. */
  readonly name: string;
  /** A, NS, SOA, PTR, TXT, AAAA, SRV, DS, RRSIG, NSEC, DNSKEY, IXFR, AXFR or ANY; else `TYPEn` (RFC 3597). */
  readonly type: Type;
}

/** The question section of a message with one question. */
export interface QuestionSection {
  readonly question: Question;
  readonly class: number;
  /** Bytes of the question's name in the message, where it begins behind the header. */
  readonly nameLength: number;
  /** Offset behind the question. */
  readonly questionEnd: number;
}

/** The OPT record of EDNS(0) (RFC 6891 section 6.1). */
export interface Edns {
  /** The largest datagram that the sender accepts, in bytes. */
  readonly udpSize: number;
  /** The upper eight bits of the response code. */
  readonly upperRcode: number;
  readonly version: number;
  /** The DO bit: the sender wants signatures (RFC 3225). */
  readonly dnssecOk: boolean;
}

/** The id of a message; undefined if it is too short. */
export function messageId(message: Uint8Array): number | undefined {
  return message.length < 2 ? undefined : uint16(message, 0);
}

/** Whether a message with a whole header is a response. */
export function isResponse(message: Uint8Array): boolean {
  return ((message[2] as number) & RESPONSE_FLAG) !== 0;
}

/** Whether a message with a whole header is a standard query, or the response to one (opcode 0). */
export function isStandard(message: Uint8Array): boolean {
  return ((message[2] as number) & OPCODE_MASK) === 0;
}

/** Whether a message with a whole header is truncated (TC). */
export function isTruncated(message: Uint8Array): boolean {
  return ((message[2] as number) & TRUNCATED_FLAG) !== 0;
}

/** The lower four bits of the response code of a message with a whole header. */
export function lowerRcode(message: Uint8Array): number {
  return (message[3] as number) & RCODE_MASK;
}

/** The number of questions of a message with a whole header. */
export function questionCount(message: Uint8Array): number {
  return uint16(message, 4);
}

/**
 * Reads the question of a message with a whole header. Undefined unless there is exactly one, with an
 * uncompressed name.
 */
export function readQuestion(message: Uint8Array): QuestionSection | undefined {
  const name = questionCount(message) === 1 ? readName(message, DNS_HEADER_LENGTH) : undefined;
  if (name === undefined || name.end + QUESTION_FIXED > message.length) {
    return undefined;
  }
  return {
    question: { name: name.text, type: typeName(uint16(message, name.end)) },
    class: uint16(message, name.end + 2),
    nameLength: name.end - DNS_HEADER_LENGTH,
    questionEnd: name.end + QUESTION_FIXED,
  };
}

/**
 * Steps over all records, which have to end with the message, and finds the OPT record, if there is one.
 * @param start offset behind the question
 */
export function readRecords(message: Uint8Array, start: number): Edns | undefined | 'malformed' {
  const before = uint16(message, 6) + uint16(message, 8);
  const count = before + uint16(message, 10);
  let edns: Edns | undefined;
  let at = start;
  // Each round takes at least 11 bytes, so a large count ends with the message.
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
      // There is at most one, in the additional section, and the root owns it.
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
        upperRcode: message[fixed + 4] as number,
        version: message[fixed + 5] as number,
        dnssecOk: ((message[fixed + 6] as number) & DNSSEC_OK_FLAG) !== 0,
      };
    }
    at = end;
  }
  return at === message.length ? edns : 'malformed';
}

function typeName(type: number): string {
  return TYPE_NAMES[type] ?? `TYPE${type}`;
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
