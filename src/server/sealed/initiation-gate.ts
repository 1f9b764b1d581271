import type { CookieJar } from '../../sealed/cookie-jar.js';
import type { MessageMacs } from '../../sealed/mac.js';
import { NO_REPLY } from '../../socket/datagram-batch.js';
import { readUint32 } from '../../wire/byte-order.js';
import {
  MAC_LENGTH,
  MESSAGE_LENGTH,
  NOTICE,
  OFFSET,
  writeCookie,
  writeNotice,
} from '../../wire/sealed.js';
import type { HandshakeBudget } from './handshake-budget.js';
import type { Incoming } from './incoming.js';
import type { SealedCounts } from './sealed-counts.js';

/** The initiation may cost Diffie-Hellman. */
export const ADMITTED = -2;

/**
 * What an initiation has to pass before it costs anything: docs/protocol.md, "What is checked before
 * Diffie-Hellman". Nothing is kept of one that does not, and no answer is larger than it.
 */
export class InitiationGate {
  private readonly mac1 = new Uint8Array(MAC_LENGTH);

  /** @param silent answer nobody who does not know the server's key */
  constructor(
    private readonly macs: MessageMacs,
    private readonly jar: CookieJar,
    private readonly budget: HandshakeBudget,
    private readonly counts: SealedCounts,
    private readonly silent: boolean,
  ) {}

  /** Writes the answer in place; returns its length, NO_REPLY, or ADMITTED. */
  check(incoming: Incoming, now: number): number {
    const { payload, at } = incoming;
    this.counts.initiations++;
    if (!this.macs.hasMac1(payload, at)) {
      this.counts.wrongKey++;
      return this.silent ? NO_REPLY : this.refuseKey(payload, at);
    }
    if (!this.hasMac2(incoming, now)) {
      this.counts.cookies++;
      return this.sendCookie(incoming, now);
    }
    if (!this.budget.hasTime(now, incoming.isBacklogged)) {
      this.counts.handshakesDeferred++;
      return NO_REPLY;
    }
    if (!this.budget.allows(incoming.sourceHash, now)) {
      this.counts.handshakesLimited++;
      return NO_REPLY;
    }
    return ADMITTED;
  }

  /** Zeros are what it holds before there was a cookie: that needs no MAC to be seen. */
  private hasMac2(incoming: Incoming, now: number): boolean {
    const { payload, at } = incoming;
    let bits = 0;
    for (let i = at + OFFSET.initiation.mac2; i < at + MESSAGE_LENGTH.initiation; i++) {
      bits |= payload[i]!;
    }
    return bits !== 0 && this.jar.accepts(payload, at, incoming, now);
  }

  private refuseKey(payload: Uint8Array, at: number): number {
    writeNotice(payload, at, NOTICE.wrongKey, payload, at + OFFSET.initiation.mac1);
    return MESSAGE_LENGTH.notice;
  }

  private sendCookie(incoming: Incoming, now: number): number {
    const { payload, at } = incoming;
    const mac1At = at + OFFSET.initiation.mac1;
    this.mac1.set(payload.subarray(mac1At, mac1At + MAC_LENGTH));
    const sender = readUint32(payload, at + OFFSET.initiation.sender);
    writeCookie(payload, at, sender, this.jar.cookie(incoming, now));
    this.macs.writeTag(payload, at, this.mac1, 0);
    return MESSAGE_LENGTH.cookie;
  }
}
