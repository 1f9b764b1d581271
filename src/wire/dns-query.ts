import { encode, type OptAnswer, RECURSION_DESIRED } from 'dns-packet';
import {
  DNS_HEADER_LENGTH,
  type Edns,
  isResponse,
  isStandard,
  MAX_UDP_REPLY,
  type Question,
  type QuestionSection,
  readQuestion,
  readRecords,
} from './dns-message.js';

/** A well-formed query with one question. */
export interface Query extends QuestionSection {
  readonly edns: Edns | undefined;
}

/** How to treat any other message: ignore it, answer FORMERR, or answer NOTIMP. */
export type QueryFault = 'silent' | 'formerr' | 'notimp';

/** The OPT record of our queries (RFC 6891 section 6.1.2): no options, no DO bit. */
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
export function encodeQuery(
  question: Question<'SRV' | 'A' | 'AAAA'>,
  id: number,
  edns: boolean,
): Uint8Array {
  return encode({
    id,
    type: 'query',
    flags: RECURSION_DESIRED,
    questions: [{ ...question, class: 'IN' }],
    additionals: edns ? [OPT] : [],
  });
}

/** Decodes a query; never throws. Responses and messages without a whole header are `silent`. */
export function decodeQuery(message: Uint8Array): Query | QueryFault {
  if (message.length < DNS_HEADER_LENGTH || isResponse(message)) {
    return 'silent';
  }
  if (!isStandard(message)) {
    return 'notimp';
  }
  const section = readQuestion(message);
  if (section === undefined) {
    return 'formerr';
  }
  const edns = readRecords(message, section.questionEnd);
  if (edns === 'malformed') {
    return 'formerr';
  }
  // Spelled out: a spread takes longer than the rest of this function.
  return {
    question: section.question,
    class: section.class,
    nameLength: section.nameLength,
    questionEnd: section.questionEnd,
    edns,
  };
}
