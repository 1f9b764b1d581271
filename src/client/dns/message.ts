import { type Answer, decode, encode, type OptAnswer, RECURSION_DESIRED } from 'dns-packet';
import { skipName } from '../../wire/dns-name.js';
import { DNS_HEADER_LENGTH } from '../../wire/dns-query.js';
import { MAX_UDP_REPLY, RCODE } from '../../wire/dns-reply.js';

/** What is asked for. */
export interface Question {
  /** In lower case, without the last dot. */
  readonly name: string;
  readonly type: 'SRV' | 'A' | 'AAAA';
}

/** What a server says to a question. */
export type Reply =
  | {
      /** Records, or none of the type asked for. */
      readonly kind: 'records';
      readonly answers: readonly Answer[];
      readonly additionals: readonly Answer[];
    }
  /** NXDOMAIN. */
  | { readonly kind: 'denied' }
  /** Too long for a datagram: the question is to be asked over TCP. */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'failed'; readonly rcode: number };

const QUESTION_FIXED = 4;
const RESPONSE_FLAG = 0x80;
const OPCODE_MASK = 0x78;
const TRUNCATED_FLAG = 0x02;
const RCODE_MASK = 0x0f;

/** EDNS(0) as RFC 6891 section 6.1.2 has it: no options, no DO bit. */
const OPT: OptAnswer = {
  name: '.',
  type: 'OPT',
  udpPayloadSize: MAX_UDP_REPLY,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

/** Encodes a query with one question; recursion is desired, in case the server is a resolver. */
export function encodeQuery(question: Question, id: number, edns: boolean): Uint8Array {
  return encode({
    id,
    type: 'query',
    flags: RECURSION_DESIRED,
    questions: [{ ...question, class: 'IN' }],
    additionals: edns ? [OPT] : [],
  });
}

/** The id of a message; undefined when it has none. */
export function messageId(message: Uint8Array): number | undefined {
  return message.length < 2 ? undefined : uint16(message, 0);
}

/**
 * Reads the reply to a query; never throws. Undefined when it is none: another id or question (RFC 5452
 * section 9.1), or bytes that make no message. A failure may leave the question out, as servers do that
 * cannot read it.
 */
export function readReply(message: Uint8Array, query: Uint8Array): Reply | undefined {
  if (!isReply(message, query)) {
    return undefined;
  }
  const rcode = (message[3] as number) & RCODE_MASK;
  const failed = rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN;
  if (uint16(message, 4) === 0) {
    return failed ? { kind: 'failed', rcode } : undefined;
  }
  if (uint16(message, 4) !== 1 || !sameQuestion(message, query)) {
    return undefined;
  }
  if (failed) {
    return { kind: 'failed', rcode };
  }
  if (((message[2] as number) & TRUNCATED_FLAG) !== 0) {
    return { kind: 'truncated' };
  }
  return rcode === RCODE.NXDOMAIN ? { kind: 'denied' } : readRecords(message);
}

function isReply(message: Uint8Array, query: Uint8Array): boolean {
  const flags = message[2] as number;
  return (
    message.length >= DNS_HEADER_LENGTH &&
    messageId(message) === messageId(query) &&
    (flags & RESPONSE_FLAG) !== 0 &&
    (flags & OPCODE_MASK) === 0
  );
}

/** Byte for byte but for the case of letters, which type, class and lengths have none of. */
function sameQuestion(message: Uint8Array, query: Uint8Array): boolean {
  const end = (skipName(query, DNS_HEADER_LENGTH) ?? query.length) + QUESTION_FIXED;
  const asked = query.subarray(DNS_HEADER_LENGTH, end);
  const answered = message.subarray(DNS_HEADER_LENGTH, end);
  return (
    answered.length === asked.length &&
    asked.every((byte, i) => lowerCase(byte) === lowerCase(answered[i] as number))
  );
}

/** The upper bits of the code are in the OPT record (RFC 6891 section 6.1.3); the lower ones are 0 here. */
function readRecords(message: Uint8Array): Reply | undefined {
  try {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
    const { answers = [], additionals = [] } = decode(bytes);
    // dns-packet reads beyond the end of a record that is cut off.
    if (decode.bytes > message.length) {
      return undefined;
    }
    const upper = additionals.find((it) => it.type === 'OPT')?.extendedRcode ?? 0;
    return upper === 0
      ? { kind: 'records', answers, additionals }
      : { kind: 'failed', rcode: upper << 4 };
  } catch {
    return undefined;
  }
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
