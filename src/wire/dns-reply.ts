import { type Answer, encode } from 'dns-packet';
import { DNS_HEADER_LENGTH, MAX_UDP_REPLY } from './dns-message.js';
import { encodeName } from './dns-name.js';
import type { Query } from './dns-query.js';

/** The largest reply over UDP to a client without EDNS (RFC 1035 section 4.2.1). */
export const MIN_UDP_REPLY = 512;

/** The largest message: its length has two bytes over TCP. */
export const MAX_DNS_MESSAGE = 65535;

/** Bytes of an OPT record without options. */
const OPT_LENGTH = 11;

/** Response codes (RFC 1035 section 4.1.1; BADVERS: RFC 6891 section 9). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

const QUERY_KEPT_FLAGS = 0x79; // opcode and recursion desired
const CHECKING_DISABLED = 0x10;
const RESPONSE = 0x80;
const AUTHORITATIVE = 0x04;
const TRUNCATED = 0x02;
const POINTER = 0xc000;
/** Type and length of an encoded record whose name is the root. */
const ROOT_NAME_LENGTH = 1;

/** Encoded records, to follow a question in any case of letters. */
export interface EncodedSections {
  readonly bytes: Uint8Array;
  /** Where each record ends, in the order of sections. */
  readonly ends: readonly number[];
  /** Records of answer, authority and additional section; more than there are ends when not all fit. */
  readonly counts: readonly [number, number, number];
}

/** Records by section. */
export interface Sections {
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** A name of the question that others can point to. */
interface Target {
  readonly name: string;
  readonly offset: number;
}

/** The question that records are to follow. */
export interface Asked {
  /** As readName gives it. */
  readonly name: string;
  /** Bytes of the name in the message. */
  readonly nameLength: number;
  /** The apex of the zone that the name is within. */
  readonly zone: string;
}

/**
 * Encodes records to follow a question. Names are compressed where it counts: owners, and the targets of
 * PTR records, against the name asked for and the zone. Records that would end beyond the largest message
 * are left out.
 * @param asked undefined to compress nothing, for records that may follow any question
 */
export function encodeSections(
  { answers, authorities, additionals }: Sections,
  asked: Asked | undefined,
): EncodedSections {
  const targets = asked === undefined ? [] : pointerTargets(asked);
  const parts: Uint8Array[] = [];
  const ends: number[] = [];
  let size = 0;
  for (const record of [...answers, ...authorities, ...additionals]) {
    const part = encodeRecord(record, targets);
    size += part.length;
    if (size > MAX_DNS_MESSAGE) {
      break;
    }
    parts.push(part);
    ends.push(size);
  }
  return {
    bytes: Buffer.concat(parts),
    ends,
    counts: [answers.length, authorities.length, additionals.length],
  };
}

function pointerTargets({ name, nameLength, zone }: Asked): Target[] {
  const apexOffset = DNS_HEADER_LENGTH + nameLength - encodeName(zone).length;
  return [
    { name, offset: DNS_HEADER_LENGTH },
    { name: zone, offset: apexOffset },
  ];
}

function encodeRecord(record: Answer, targets: readonly Target[]): Uint8Array {
  const owner = compressedName(record.name, targets);
  // dns-packet writes a record with its name in full: the root takes the place of the name.
  const encoded = encode({ answers: [{ ...record, name: '.' }] }).subarray(
    DNS_HEADER_LENGTH + ROOT_NAME_LENGTH,
  );
  if (record.type !== 'PTR') {
    return Buffer.concat([owner, encoded]);
  }
  const target = compressedName(record.data, targets);
  const fixed = encoded.subarray(0, 10);
  fixed[8] = target.length >>> 8;
  fixed[9] = target.length;
  return Buffer.concat([owner, fixed, target]);
}

/** A name in full, or up to where it goes on as one of the targets. */
function compressedName(name: string, targets: readonly Target[]): Uint8Array {
  for (const target of targets) {
    if (name === target.name || name.endsWith(`.${target.name}`)) {
      const before = encodeName(name.slice(0, -target.name.length - 1)).subarray(0, -1);
      const pointer = POINTER | target.offset;
      return Buffer.concat([before, Uint8Array.of(pointer >>> 8, pointer)]);
    }
  }
  return encodeName(name);
}

/** The header of a reply. */
export interface ReplyHeader {
  /** One of RCODE. */
  readonly rcode: number;
  readonly authoritative: boolean;
}

/**
 * Turns the query in a buffer into its reply, in place: header, question as received, and the records
 * that fit in the limit. Without room for all answers and authorities the reply is truncated (TC), and
 * over UDP has no records: the client asks again over TCP, and a forged source is sent no more bytes than
 * the query had. Additional records are left out silently (RFC 2181 section 9).
 * @returns bytes of the reply, and whether it is truncated
 */
export function writeReply(
  message: Uint8Array,
  query: Query,
  { rcode, authoritative }: ReplyHeader,
  sections: EncodedSections | undefined,
  limit: number,
): { readonly length: number; readonly truncated: boolean } {
  const { edns, questionEnd } = query;
  const room = limit - questionEnd - (edns === undefined ? 0 : OPT_LENGTH);
  const whole = sections === undefined ? 0 : countFitting(sections.ends, room);
  const [answers, authorities] = sections?.counts ?? [0, 0];
  const truncated = whole < answers + authorities;
  const fitting = truncated && limit <= MAX_UDP_REPLY ? 0 : whole;
  const recordsLength = fitting === 0 ? 0 : (sections?.ends[fitting - 1] as number);
  if (sections !== undefined && recordsLength > 0) {
    const { bytes } = sections;
    const isWhole = recordsLength === bytes.length;
    message.set(isWhole ? bytes : bytes.subarray(0, recordsLength), questionEnd);
  }
  writeHeader(
    message,
    rcode & 0xf,
    (authoritative ? AUTHORITATIVE : 0) | (truncated ? TRUNCATED : 0),
  );
  const shownAnswers = Math.min(fitting, answers);
  const shownAuthorities = Math.min(fitting - shownAnswers, authorities);
  const additionals = fitting - shownAnswers - shownAuthorities;
  writeUint16(message, 4, 1);
  writeUint16(message, 6, shownAnswers);
  writeUint16(message, 8, shownAuthorities);
  writeUint16(message, 10, additionals + (edns === undefined ? 0 : 1));
  let length = questionEnd + recordsLength;
  if (edns !== undefined) {
    writeOpt(message, length, rcode >>> 4, edns.dnssecOk);
    length += OPT_LENGTH;
  }
  return { length, truncated };
}

/** Turns an unreadable query into a reply of header and code, in place. Returns its length in bytes. */
export function writeFault(message: Uint8Array, rcode: number): number {
  writeHeader(message, rcode, 0);
  message.fill(0, 4, DNS_HEADER_LENGTH);
  return DNS_HEADER_LENGTH;
}

/** The number of records that fit in a room. */
function countFitting(ends: readonly number[], room: number): number {
  let count = ends.length;
  if (count > 0 && (ends[count - 1] as number) > room) {
    count = ends.findIndex((end) => end > room);
  }
  return count;
}

function writeHeader(message: Uint8Array, rcode: number, flags: number): void {
  message[2] = RESPONSE | ((message[2] as number) & QUERY_KEPT_FLAGS) | flags;
  message[3] = ((message[3] as number) & CHECKING_DISABLED) | rcode;
}

/** RFC 6891 section 6.1.2: no options; in place of a TTL the code's upper bits, version 0 and the DO bit. */
function writeOpt(message: Uint8Array, at: number, upperCode: number, dnssecOk: boolean): void {
  message.fill(0, at, at + OPT_LENGTH);
  message[at + 2] = 41;
  writeUint16(message, at + 3, MAX_UDP_REPLY);
  message[at + 5] = upperCode;
  message[at + 7] = dnssecOk ? 0x80 : 0;
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
