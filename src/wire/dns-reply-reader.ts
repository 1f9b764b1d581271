import { type Answer, decode } from 'dns-packet';
import {
  CLASS_IN,
  DNS_HEADER_LENGTH,
  isResponse,
  isStandard,
  isTruncated,
  lowerRcode,
  messageId,
  type Question,
  type QuestionSection,
  questionCount,
  readQuestion,
  readRecords,
} from './dns-message.js';
import { RCODE } from './dns-reply.js';

/** The reply of a server to a question. */
export type ReceivedReply =
  | {
      /** Records, or none of the type in the question. */
      readonly kind: 'records';
      readonly answers: readonly Answer[];
      readonly additionals: readonly Answer[];
    }
  /** NXDOMAIN. */
  | { readonly kind: 'denied' }
  /** Too long for a datagram: to be repeated over TCP. */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'failed'; readonly rcode: number };

/**
 * Reads the reply to a question; never throws. Undefined if the message does not belong to it, by id and
 * question (RFC 5452 section 9.1), or is malformed. A failure may lack the question: servers that cannot
 * read it leave it out.
 */
export function readReply(
  message: Uint8Array,
  id: number,
  question: Question,
): ReceivedReply | undefined {
  if (
    message.length < DNS_HEADER_LENGTH ||
    messageId(message) !== id ||
    !isResponse(message) ||
    !isStandard(message)
  ) {
    return undefined;
  }
  const rcode = lowerRcode(message);
  const failed = rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN;
  if (questionCount(message) === 0) {
    return failed ? { kind: 'failed', rcode } : undefined;
  }
  const section = readQuestion(message);
  if (section === undefined || !isQuestion(section, question)) {
    return undefined;
  }
  if (failed) {
    return { kind: 'failed', rcode };
  }
  if (isTruncated(message)) {
    return { kind: 'truncated' };
  }
  return rcode === RCODE.NXDOMAIN ? { kind: 'denied' } : recordsOf(message, section);
}

function isQuestion(section: QuestionSection, { name, type }: Question): boolean {
  const { question } = section;
  return question.name === name && question.type === type && section.class === CLASS_IN;
}

/** The upper bits of the code are in the OPT record (RFC 6891 section 6.1.3); the lower ones are 0 here. */
function recordsOf(
  message: Uint8Array,
  { questionEnd }: QuestionSection,
): ReceivedReply | undefined {
  const edns = readRecords(message, questionEnd);
  if (edns === 'malformed') {
    return undefined;
  }
  if (edns !== undefined && edns.upperRcode !== 0) {
    return { kind: 'failed', rcode: edns.upperRcode << 4 };
  }
  try {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
    const { answers = [], additionals = [] } = decode(bytes);
    // dns-packet reads data beyond the end of a record whose length is too small.
    return decode.bytes > message.length ? undefined : { kind: 'records', answers, additionals };
  } catch {
    return undefined;
  }
}
