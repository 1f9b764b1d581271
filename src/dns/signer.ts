import type { RecordType, SoaAnswer } from 'dns-packet';
import type { Question } from '../wire/dns-message.js';
import type { Sections } from '../wire/dns-reply.js';

/** Response code and records of an answer, without OPT. Names are in lower case. */
export interface Reply extends Sections {
  readonly rcode: 'NOERROR' | 'NXDOMAIN';
}

/** A zone as of one reading of the device. */
export interface ZoneView {
  /** The apex, in lower case, without the last dot. */
  readonly name: string;
  /** Its TTL and minimum are those of negative answers. */
  readonly soa: SoaAnswer;
  /**
   * The types of the records at a name: none for an empty non-terminal, undefined if the name does
   * not exist. NS at another name than the apex is a delegation, to a zone that the same signer signs. The
   * signer's own types (DNSKEY, DS, RRSIG, NSEC) are not among them.
   */
  typesAt(name: string): readonly RecordType[] | undefined;
}

/** Signs answers online. Never throws. */
export interface Signer {
  /**
   * The answer to a question for DNSKEY, DS, RRSIG or NSEC, without signatures. Undefined to use the
   * zone's own reply, which has no such records.
   */
  reply(question: Question, zone: ZoneView): Reply | undefined;
  /**
   * Adds RRSIGs, and the NSEC records of a denial. Called only when the query has the DO bit, and the
   * reply without signatures fits. Replies are reused: the signer must not change them.
   */
  sign(reply: Reply, question: Question, zone: ZoneView): Reply;
  /** Whether the budget for denials is used up, so that clients over UDP are sent to TCP. */
  hasTooManyDenials(): boolean;
}
