import { type EncodedSections, RCODE } from '../wire/dns-reply.js';
import type { Reply } from './signer.js';

/**
 * A reply that is given again and again, with what it comes to in bytes. What is needed each time is here
 * itself: with 10 000 peers every further object is a miss of the cache.
 */
export class PreparedReply {
  /** Made when it is first sent; the same for all questions that get this reply. */
  encoded: EncodedSections | undefined;
  /** One of RCODE. */
  readonly rcode: number;
  /** What it is counted as. */
  readonly outcome: 'answered' | 'nodata' | 'nxdomain';

  /** @param isKept whether all who ask get it, until the roster changes */
  constructor(
    readonly reply: Reply,
    readonly isKept = false,
  ) {
    this.rcode = RCODE[reply.rcode];
    const denial = reply.rcode === 'NXDOMAIN' ? 'nxdomain' : 'nodata';
    this.outcome = reply.answers.length > 0 ? 'answered' : denial;
  }
}
