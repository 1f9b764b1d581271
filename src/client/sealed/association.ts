import { Initiation } from '../../sealed/initiation.js';
import type { KeyPair } from '../../sealed/key-pair.js';
import { MessageMacs } from '../../sealed/mac.js';
import { wipe } from '../../sealed/wipe.js';
import { readUint32 } from '../../wire/byte-order.js';
import type { Family } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import {
  MESSAGE,
  type MessageType,
  NOTICE,
  OFFSET,
  readCounter,
  readNoticeReason,
} from '../../wire/sealed.js';
import { STATUS } from '../../wire/sealed-response.js';
import type { Send } from './frame-sender.js';
import { HandshakeSchedule } from './handshake-schedule.js';
import type { Paths } from './paths.js';
import { Session } from './session.js';
import { Timestamps } from './timestamps.js';
import { COOKIE_HANDSHAKES, NOTICE_SPACING_MS, OVERLAP_MS } from './timing.js';
import { Trouble } from './trouble.js';

/** A notice that echoes a message further back than this comes too late to be a hint. */
const ECHO_WINDOW = 64;

export interface AssociationOptions {
  readonly own: KeyPair;
  readonly server: PublicKey;
  /** 32 bits that nobody can foretell. */
  readonly randomNumber: () => number;
  readonly send: Send;
}

/**
 * Keeps a session with the server: handshakes until there is one, and again before it is too old or when
 * the server seems to have forgotten it. Bytes and times come in, bytes go out.
 */
export class Association {
  readonly trouble = new Trouble();
  readonly #options: AssociationOptions;
  readonly #paths: Paths;
  /** There is a session, and with it a new one. */
  readonly #opened: (session: Session, family: Family) => void;
  readonly #macs: MessageMacs;
  readonly #timestamps = new Timestamps();
  readonly #schedule = new HandshakeSchedule();
  readonly #cookies = new Map<Family, Uint8Array>();
  #initiation: Initiation | undefined;
  /** The initiation was sent again for a cookie, before its time. */
  #isHurried = false;
  #session: Session | undefined;
  #previous: Session | undefined;
  #sessions = 0;
  #isClosed = false;

  /** @param opened is told when `session` is another, and over which family that came about */
  constructor(
    options: AssociationOptions,
    paths: Paths,
    opened: (session: Session, family: Family) => void,
  ) {
    this.#options = options;
    this.#paths = paths;
    this.#opened = opened;
    this.#macs = new MessageMacs(options.server);
  }

  /** The present session. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** The session that the server names by this number: the present one, or the one before. */
  find(number: number): Session | undefined {
    return [this.#session, this.#previous].find((session) => session?.ours === number);
  }

  /** Ends what is over, and sends an initiation when one is due. */
  work(now: number, wallNow: number): void {
    if (this.#isClosed) {
      return;
    }
    this.#expire(now);
    if (this.#schedule.isIdle && (this.#session?.isWornOut(now) ?? true)) {
      this.#schedule.need(now);
    }
    if (now >= this.#schedule.dueAt && !this.#paths.isEmpty) {
      this.#initiate(now, wallNow);
    }
  }

  /** When there is something to do, if nothing happens before. */
  get nextAt(): number {
    if (this.#isClosed) {
      return Number.POSITIVE_INFINITY;
    }
    const ends = [this.#session, this.#previous].map((session) => session?.endsAt ?? Infinity);
    const needed = this.#schedule.isIdle ? (this.#session?.rekeyAt ?? Infinity) : Infinity;
    return Math.min(this.#paths.isEmpty ? Infinity : this.#schedule.dueAt, needed, ...ends);
  }

  /** The session may be dead on the other side: a handshake, while it goes on. */
  renew(now: number): void {
    this.#schedule.need(now);
  }

  /** Takes in a response, a cookie or a notice. What is none, or does not answer us, is ignored. */
  received(
    type: MessageType,
    family: Family,
    message: Uint8Array,
    now: number,
    wallNow: number,
  ): void {
    switch (type) {
      case MESSAGE.response:
        this.#responded(family, message, now, wallNow);
        break;
      case MESSAGE.cookie:
        this.#cookieCame(family, message, now);
        break;
      case MESSAGE.notice:
        this.#noticed(family, message, now);
        break;
    }
  }

  /** Overwrites all keys but the client's own; nothing is sent or opened from then on. */
  wipe(): void {
    this.#isClosed = true;
    this.#endInitiation();
    this.#session?.transport.wipe();
    this.#previous?.transport.wipe();
    this.#forgetCookies();
    this.#session = undefined;
    this.#previous = undefined;
  }

  #expire(now: number): void {
    if (this.#session?.isOver(now)) {
      this.#session.transport.wipe();
      this.#session = undefined;
    }
    if (this.#previous?.isOver(now)) {
      this.#previous.transport.wipe();
      this.#previous = undefined;
    }
  }

  #initiate(now: number, wallNow: number): void {
    const { own, randomNumber } = this.#options;
    if (this.#initiation?.isSpent && this.#schedule.sends >= COOKIE_HANDSHAKES) {
      this.#forgetCookies();
    }
    if (this.#initiation === undefined || this.#initiation.isSpent) {
      this.#endInitiation();
      const timestamp = this.#timestamps.next(wallNow);
      this.#initiation = new Initiation(own, this.#macs, randomNumber() >>> 0, timestamp);
    }
    const initiation = this.#initiation;
    this.#isHurried = false;
    this.#paths.order(this.#schedule.sends).some((family) => this.#send(initiation, family, now));
    this.#schedule.sent(now, initiation.isSpent);
    this.trouble.unanswered++;
  }

  #send(initiation: Initiation, family: Family, now: number): boolean {
    const isSent = this.#options.send(family, initiation.encode(this.#cookies.get(family)));
    if (isSent) {
      this.#paths.sent(family, now);
    }
    return isSent;
  }

  /** The same initiation goes out again at once, but only once before its time: cookies may be repeated. */
  #cookieCame(family: Family, message: Uint8Array, now: number): void {
    const initiation = this.#initiation;
    const cookie = initiation?.readCookie(message);
    if (initiation === undefined || cookie === undefined) {
      return;
    }
    this.trouble.answered();
    this.#paths.heard(family);
    this.#cookies.set(family, cookie);
    if (!this.#isHurried) {
      this.#isHurried = true;
      this.#send(initiation, family, now);
      this.#schedule.resent(now);
    }
  }

  #responded(family: Family, message: Uint8Array, now: number, wallNow: number): void {
    const initiation = this.#initiation;
    const accepted = initiation?.accept(message);
    if (initiation === undefined || accepted === undefined) {
      return;
    }
    const { payload, remoteIndex, transport } = accepted;
    this.#endInitiation();
    this.#paths.heard(family);
    this.trouble.responded(payload, wallNow);
    if (transport !== undefined) {
      const ttlMs = payload.ttlSeconds * 1000;
      const { maxWanted } = payload;
      const session = new Session(
        this.#sessions++,
        initiation.localIndex,
        remoteIndex,
        transport,
        ttlMs,
        maxWanted,
        now,
      );
      this.#open(session);
      this.#opened(session, family);
      return;
    }
    if (payload.status === STATUS.staleTimestamp) {
      const aheadMs = payload.latest ? this.#timestamps.raise(payload.latest) : 0;
      if (aheadMs > 0) {
        // Otherwise it is ours: the network doubled an initiation whose welcome was lost.
        this.trouble.stale(aheadMs);
      }
      this.#schedule.wasStale();
    } else {
      this.#schedule.refused(now);
    }
  }

  #open(session: Session): void {
    this.#previous?.transport.wipe();
    this.#previous = this.#session;
    if (this.#previous !== undefined) {
      this.#previous.endsAt = Math.min(this.#previous.endsAt, session.heardAt + OVERLAP_MS);
    }
    this.#session = session;
    this.#schedule.succeeded();
  }

  #noticed(family: Family, message: Uint8Array, now: number): void {
    switch (readNoticeReason(message, 0)) {
      case NOTICE.noSession:
        if (
          this.#session !== undefined &&
          isEchoOfData(message, this.#session) &&
          !this.#paths.isStrange(family)
        ) {
          this.#session.refusedCounter = readCounter(message, OFFSET.notice.echo);
          this.#schedule.need(now, NOTICE_SPACING_MS);
        }
        break;
      case NOTICE.wrongKey:
        if (this.#initiation?.isEchoedBy(message)) {
          this.trouble.unanswered = 0;
          this.trouble.hasWrongKey = true;
        }
        break;
    }
  }

  #forgetCookies(): void {
    wipe(...this.#cookies.values());
    this.#cookies.clear();
  }

  #endInitiation(): void {
    this.#initiation?.wipe();
    this.#initiation = undefined;
  }
}

/** Whether a notice echoes the beginning of a data message that was just sent in the session. */
function isEchoOfData(notice: Uint8Array, session: Session): boolean {
  const { echo } = OFFSET.notice;
  if (notice[echo + 3] !== MESSAGE.data) {
    return false;
  }
  const back = session.transport.sealedCount - readCounter(notice, echo);
  const isOurs = readUint32(notice, echo + OFFSET.data.receiver) === session.theirs;
  return isOurs && back > 0 && back <= ECHO_WINDOW;
}
