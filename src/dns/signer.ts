import type { RecordType, SoaAnswer } from 'dns-packet';
import type { Question } from '../wire/dns-message.js';
import type { Sections } from '../wire/dns-reply.js';

/** What is answered: the sections without OPT, which is of the message. Names are in lower case. */
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
   * The types of the records at a name: none for an empty non-terminal, undefined where the name does
   * not exist. NS at another name than the apex is a delegation, to a zone that the same signer signs. The
   * signer's own types (DNSKEY, DS, RRSIG, NSEC) are not among them.
   */
  typesAt(name: string): readonly RecordType[] | undefined;
}

/** Signs answers as they are given. Never throws. */
export interface Signer {
  /**
   * The answer to a question for DNSKEY, DS, RRSIG or NSEC, without signatures; undefined where the zone's own
   * reply stands, which has none of these.
   */
  reply(question: Question, zone: ZoneView): Reply | undefined;
  /**
   * Adds RRSIGs, and the NSEC records of a denial. Called only when the query has the DO bit, and the
   * reply without signatures fits. A reply may be one that an earlier call was given: it is not to be
   * changed.
   */
  sign(reply: Reply, question: Question, zone: ZoneView): Reply;
  /** Whether so many denials of names were signed of late that who can be sent to TCP is. */
  hasTooManyDenials(): boolean;
}
