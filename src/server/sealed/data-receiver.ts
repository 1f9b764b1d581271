import type { RateLimiter } from '../../limits/rate-limiter.js';
import type { CookieJar } from '../../sealed/cookie-jar.js';
import { NO_REPLY } from '../../socket/datagram-batch.js';
import { readUint32 } from '../../wire/byte-order.js';
import { MESSAGE_LENGTH, NOTICE, OFFSET, writeNotice } from '../../wire/sealed.js';
import { FRAME, TOKEN_LENGTH } from '../../wire/sealed-frames.js';
import type { Client } from './client.js';
import type { ClientCare } from './client-care.js';
import type { Directory } from './directory.js';
import type { FrameResponder } from './frame-responder.js';
import type { Incoming } from './incoming.js';
import type { SealedCounts } from './sealed-counts.js';
import type { Session } from './session.js';
import type { Sessions } from './sessions.js';

/** A client may send at once what it may send in so many seconds. */
const BURST_SECONDS = 2;

export interface ReceiverOptions {
  /** Messages a second from one client; 0 = no limit. */
  readonly clientRate: number;
  /** Say nothing to somebody who may be a stranger. */
  readonly silent: boolean;
}

/** Opens data messages, and decides whether the place they came from counts. */
export class DataReceiver {
  private readonly costMs: number;

  constructor(
    private readonly options: ReceiverOptions,
    private readonly directory: Directory,
    private readonly sessions: Sessions,
    private readonly jar: CookieJar,
    private readonly frames: FrameResponder,
    private readonly counts: SealedCounts,
    private readonly care: ClientCare,
    /** Each source's messages that did not open; whoever has too many is not to come here. */
    private readonly forgeries: RateLimiter,
  ) {
    this.costMs = options.clientRate === 0 ? 0 : 1000 / options.clientRate;
  }

  /** Writes the answer in place; returns its length or NO_REPLY. */
  receive(incoming: Incoming, now: number): number {
    const { payload, at, length } = incoming;
    const { counts, frames } = this;
    const session = this.sessions.find(readUint32(payload, at + OFFSET.data.receiver), now);
    if (session === undefined) {
      counts.unknownSession++;
      return this.options.silent ? NO_REPLY : this.refuse(payload, at);
    }
    const plain = session.transport.open(payload, at, length, frames.plaintext);
    if (plain < 0) {
      counts.rejected++;
      this.forgeries.allows(incoming.sourceHash, now);
      return NO_REPLY;
    }
    counts.opened++;
    const { client } = session;
    const isFirst = session === client.next;
    if (isFirst) {
      this.sessions.confirm(session, now);
      counts.confirmed++;
      this.care.confirmed(client);
    }
    if (!this.allows(client, now)) {
      counts.clientLimited++;
      return NO_REPLY;
    }
    return this.isProven(session, incoming, isFirst, plain, now)
      ? frames.answer(session, plain, incoming)
      : this.challenge(session, incoming, now);
  }

  /** Whether the message counts for its place; if so, it is noted as the client's. */
  private isProven(
    session: Session,
    incoming: Incoming,
    isFirst: boolean,
    length: number,
    now: number,
  ): boolean {
    const { client } = session;
    const isKnown = incoming.isFrom(client.paths[incoming.family]);
    // The handshake proved its source for this one moment: later, a message that comes late from there
    // would move the client back.
    if (!isKnown && !(isFirst && incoming.isFrom(session.origin))) {
      if (!this.provesItself(session, incoming, length, now)) {
        return false;
      }
      this.counts.moves++;
    }
    // A message that was held back says nothing of how long the client was there.
    if (this.isNews(session)) {
      this.hear(client, incoming, now);
    }
    return true;
  }

  private hear(client: Client, incoming: Incoming, now: number): void {
    const { family, addressWords, addressWord, socket, sourceHash } = incoming;
    if (!client.isRegistered) {
      this.directory.charge(client, sourceHash);
    }
    this.directory.hear(client, family, addressWords, addressWord, socket, now);
    this.care.heard(client, now);
  }

  private provesItself(session: Session, incoming: Incoming, length: number, now: number): boolean {
    const { plaintext } = this.frames;
    return (
      this.isNews(session) &&
      plaintext[0] === FRAME.prove &&
      length > TOKEN_LENGTH &&
      this.jar.acceptsToken(plaintext, 1, session.number, incoming, now)
    );
  }

  /** What is late says nothing about where the client is now. */
  private isNews(session: Session): boolean {
    return session === session.client.current && session.isNewest;
  }

  private challenge(session: Session, incoming: Incoming, now: number): number {
    if (!this.isNews(session)) {
      this.counts.unprovenIgnored++;
      return NO_REPLY;
    }
    this.counts.challenges++;
    return this.frames.challenge(session, this.jar.token(session.number, incoming, now), incoming);
  }

  /** Takes one of the client's messages; the arithmetic is RateLimiter's. */
  private allows(client: Client, now: number): boolean {
    const { costMs } = this;
    const fullAt = Math.max(client.allowanceFullAt, now);
    if (fullAt - now > costMs * (BURST_SECONDS * this.options.clientRate - 0.5)) {
      return false;
    }
    client.allowanceFullAt = fullAt + costMs;
    return true;
  }

  private refuse(payload: Uint8Array, at: number): number {
    this.counts.notices++;
    writeNotice(payload, at, NOTICE.noSession, payload, at);
    return MESSAGE_LENGTH.notice;
  }
}
