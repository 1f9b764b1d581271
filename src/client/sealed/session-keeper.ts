import { Initiation } from '../../sealed/initiation.js';
import type { KeyPair } from '../../sealed/key-pair.js';
import { MessageMacs } from '../../sealed/mac.js';
import { wipe } from '../../sealed/wipe.js';
import { readUint32 } from '../../wire/byte-order.js';
import type { Endpoint, Family } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import {
  MESSAGE,
  type MessageType,
  NOTICE,
  OFFSET,
  readCounter,
  readNoticeReason,
} from '../../wire/sealed.js';
import { type ResponsePayload, STATUS } from '../../wire/sealed-response.js';
import { decodeTai64n, encodeTai64n } from '../../wire/tai64n.js';
import { HandshakeSchedule } from './handshake-schedule.js';
import type { ServerPaths } from './server-paths.js';
import { ServerStatus } from './server-status.js';
import { ClientSession } from './session.js';
import type { FirstWant, Send } from './transmitter.js';

/** After so many unanswered initiations the cookies may be at fault: the client asks for new ones. */
const COOKIE_HANDSHAKES = 5;

/** A notice asks for a handshake at most this often. */
const NOTICE_SPACING_MS = 2000;

/** While peers are relayed, initiations are no further apart, so that a restarted server has us back soon. */
const RELAYING_RETRY_MS = 1000;

/** A notice that echoes a message further back than this is too late to be a hint. */
const ECHO_WINDOW = 64;

/** Messages of a replaced session are accepted for this long. */
const OVERLAP_MS = 10_000;

/** TAI64N has nanoseconds; this step survives every rounding. */
const TIMESTAMP_STEP_MS = 1;

export interface SessionKeeperOptions {
  readonly own: KeyPair;
  readonly server: PublicKey;
  /** 32 unpredictable bits. */
  readonly randomNumber: () => number;
  readonly send: Send;
}

/** What the owner of a keeper provides. */
export interface KeeperOwner {
  /** The want list as it is now. */
  firstWant(): FirstWant;
  /**
   * There is a new session.
   * @param family of its handshake
   * @param taken the version of the want list whose first part the server took in with the handshake
   * @param observed where the server saw us; undefined where it does not say
   */
  opened(
    session: ClientSession,
    family: Family,
    taken: number | undefined,
    observed: Endpoint | undefined,
  ): void;
}

/** Two initiations with a want list, then one without: an older server answers no others. */
const INITIATIONS_IN_TURN = 3;

/**
 * Keeps a session with the server: begins handshakes until there is one, and again before it is too old or
 * when the server seems to have lost it. Bytes and times come in, bytes go out.
 */
export class SessionKeeper {
  readonly status = new ServerStatus();
  readonly #options: SessionKeeperOptions;
  readonly #paths: ServerPaths;
  readonly #owner: KeeperOwner;
  readonly #macs: MessageMacs;
  readonly #timestamps = new Timestamps();
  readonly #schedule = new HandshakeSchedule();
  readonly #roundTrip = new RoundTrip();
  readonly #cookies = new Map<Family, Uint8Array>();
  #initiation: Initiation | undefined;
  /** The version of the want list in the initiation, if any. */
  #wantVersion: number | undefined;
  /** Initiations with a cookie, while there was no session, since the last response. */
  #coldSends = 0;
  /** An initiation was sent for a cookie, before its time. */
  #isHurried = false;
  #session: ClientSession | undefined;
  #previous: ClientSession | undefined;
  #sessions = 0;
  #isLeaving = false;
  #isClosed = false;

  constructor(options: SessionKeeperOptions, paths: ServerPaths, owner: KeeperOwner) {
    this.#options = options;
    this.#paths = paths;
    this.#owner = owner;
    this.#macs = new MessageMacs(options.server);
  }

  /** The last measured round trip to the server in milliseconds; undefined before the first. */
  get roundTripMs(): number | undefined {
    return this.#roundTrip.ms;
  }

  /** The present session. */
  get session(): ClientSession | undefined {
    return this.#session;
  }

  /** The session with this local index: the present one, or the one before. */
  find(localIndex: number): ClientSession | undefined {
    return [this.#session, this.#previous].find(
      (session) => session?.terms.localIndex === localIndex,
    );
  }

  /** Whether the server may have opened a session with this local index, whose response is to come. */
  isAwaiting(localIndex: number): boolean {
    return this.isAwaitingResponse && this.#initiation?.localIndex === localIndex;
  }

  /** Whether the server may have opened a session whose response is to come. */
  get isAwaitingResponse(): boolean {
    return this.#initiation?.isSpent === true;
  }

  /**
   * From now on begins no handshake; one that the server may have accepted is still completed, unless its
   * response is overdue.
   */
  leave(): void {
    this.#isLeaving = true;
  }

  /** Ends sessions that are over, and sends an initiation when one is due. */
  work(now: number, wallNow: number): void {
    if (this.#isClosed) {
      return;
    }
    this.#expire(now);
    if (this.#isLeaving) {
      if (now >= this.#schedule.dueAt) {
        this.#endInitiation();
      }
      return;
    }
    if (this.#schedule.isIdle && (this.#session?.isWornOut(now) ?? true)) {
      this.#schedule.need(now);
    }
    if (now >= this.#schedule.dueAt && !this.#paths.isEmpty) {
      this.#initiate(now, wallNow);
    }
  }

  /** When there is something to do; Infinity for never. */
  get nextAt(): number {
    if (this.#isClosed) {
      return Number.POSITIVE_INFINITY;
    }
    const ends = [this.#session, this.#previous].map((session) => session?.endsAt ?? Infinity);
    if (this.#isLeaving) {
      return Math.min(this.isAwaitingResponse ? this.#schedule.dueAt : Infinity, ...ends);
    }
    const needed = this.#schedule.isIdle ? (this.#session?.rekeyAt ?? Infinity) : Infinity;
    return Math.min(this.#paths.isEmpty ? Infinity : this.#schedule.dueAt, needed, ...ends);
  }

  /** Whether peers are relayed: then unanswered initiations are repeated sooner. */
  set isRelaying(isRelaying: boolean) {
    const limit = Math.max(RELAYING_RETRY_MS, 2 * (this.roundTripMs ?? 0));
    this.#schedule.maxRetryMs = isRelaying ? limit : Number.POSITIVE_INFINITY;
  }

  /** Begins a handshake, because the session may be dead on the other side; meanwhile it goes on. */
  renew(now: number): void {
    this.#schedule.need(now);
  }

  /** Takes in a response, cookie or notice; ignores one that does not answer us. */
  received(
    type: MessageType,
    family: Family,
    message: Uint8Array,
    now: number,
    wallNow: number,
  ): void {
    switch (type) {
      case MESSAGE.response:
        this.#receiveResponse(family, message, now, wallNow);
        break;
      case MESSAGE.cookie:
        this.#receiveCookie(family, message, now, wallNow);
        break;
      case MESSAGE.notice:
        this.#receiveNotice(family, message, now);
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
    if (this.#initiation?.isSpent && this.#schedule.sends >= COOKIE_HANDSHAKES) {
      this.#forgetCookies();
    }
    this.#isHurried = false;
    this.#paths.order(this.#schedule.sends).some((family) => this.#send(family, now, wallNow));
    this.#schedule.sent(now, this.#initiation?.isSpent ?? false, this.roundTripMs);
    this.status.unanswered++;
  }

  /** Sends the initiation over a family, or a new one where that may have been accepted or says too little. */
  #send(family: Family, now: number, wallNow: number): boolean {
    const cookie = this.#cookies.get(family);
    const isCold = cookie !== undefined && this.#session === undefined;
    const hasWant = isCold && ++this.#coldSends % INITIATIONS_IN_TURN !== 0;
    if (hasWant || this.#initiation === undefined || this.#initiation.isSpent) {
      this.#renewInitiation(hasWant ? cookie : undefined, wallNow);
    }
    const isSent = this.#options.send(family, this.#initiation!.encode(cookie));
    if (isSent) {
      this.#roundTrip.sent(now);
      this.#paths.sent(family, now);
    }
    return isSent;
  }

  /** @param cookie for an initiation with the want list */
  #renewInitiation(cookie: Uint8Array | undefined, wallNow: number): void {
    const { own, randomNumber } = this.#options;
    this.#endInitiation();
    const timestamp = this.#timestamps.next(wallNow);
    const first = cookie && this.#owner.firstWant();
    const early = first && { cookie, want: first.frame };
    this.#initiation = new Initiation(own, this.#macs, randomNumber() >>> 0, timestamp, early);
    this.#wantVersion = first?.version;
  }

  /** Sends an initiation with the cookie at once, but only once before its time: cookies may be repeated. */
  #receiveCookie(family: Family, message: Uint8Array, now: number, wallNow: number): void {
    const cookie = this.#initiation?.readCookie(message);
    if (cookie === undefined) {
      return;
    }
    this.status.answered();
    this.#roundTrip.answered(now);
    this.#paths.heard(family);
    this.#cookies.set(family, cookie);
    if (!this.#isHurried && !this.#isLeaving) {
      this.#isHurried = true;
      this.#send(family, now, wallNow);
      this.#schedule.resent(now);
    }
  }

  #receiveResponse(family: Family, message: Uint8Array, now: number, wallNow: number): void {
    const initiation = this.#initiation;
    const accepted = initiation?.accept(message);
    if (initiation === undefined || accepted === undefined) {
      return;
    }
    const { payload, remoteIndex, transport } = accepted;
    const { localIndex } = initiation;
    const taken = payload.tookWant ? this.#wantVersion : undefined;
    this.#coldSends = 0;
    this.#endInitiation();
    this.#roundTrip.answered(now);
    this.#paths.heard(family);
    this.status.responded(payload, wallNow);
    if (transport === undefined) {
      this.#refused(payload, now);
      return;
    }
    const { ttlSeconds, maxWanted, relays = false, observed, otherPort = 0 } = payload;
    const ordinal = this.#sessions++;
    const ttlMs = ttlSeconds * 1000;
    const indexes = { ordinal, localIndex, remoteIndex };
    const terms = { ...indexes, transport, ttlMs, maxWanted, relays, otherPort };
    this.#open(new ClientSession(terms, now));
    this.#owner.opened(this.#session!, family, taken, observed);
  }

  #refused({ status, latest }: ResponsePayload, now: number): void {
    if (status !== STATUS.staleTimestamp) {
      this.#schedule.refused(now);
      return;
    }
    const aheadMs = latest ? this.#timestamps.raise(latest) : 0;
    if (aheadMs > 0) {
      // Otherwise it is ours: the network duplicated an initiation whose response was lost.
      this.status.stale(aheadMs);
    }
    this.#schedule.wasStale();
  }

  #open(session: ClientSession): void {
    this.#previous?.transport.wipe();
    this.#previous = this.#session;
    if (this.#previous !== undefined) {
      this.#previous.endsAt = Math.min(this.#previous.endsAt, session.heardAt + OVERLAP_MS);
    }
    this.#session = session;
    this.#schedule.succeeded();
  }

  #receiveNotice(family: Family, message: Uint8Array, now: number): void {
    switch (readNoticeReason(message, 0)) {
      case NOTICE.noSession:
        if (
          this.#session !== undefined &&
          isEchoOfData(message, this.#session) &&
          !this.#paths.isStrange(family)
        ) {
          this.#session.refusedCounter = readCounter(message, OFFSET.notice.echo);
          if (this.#schedule.isIdle) {
            // A handshake under way is not hastened: it would be replaced before its answer arrives.
            this.#schedule.need(now, NOTICE_SPACING_MS);
          }
        }
        break;
      case NOTICE.wrongKey:
        if (this.#initiation?.isEchoedBy(message)) {
          this.status.unanswered = 0;
          this.status.hasWrongKey = true;
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

/** The timestamps of initiations: each later than any before, even where the clock is set back. */
class Timestamps {
  #latestMs = Number.NEGATIVE_INFINITY;

  /** The next timestamp (TAI64N); `wallNow` is in milliseconds since 1970 UTC. */
  next(wallNow: number): Uint8Array {
    this.#latestMs = Math.max(wallNow, this.#latestMs + TIMESTAMP_STEP_MS);
    return encodeTai64n(this.#latestMs);
  }

  /**
   * The server knows this timestamp (TAI64N) of our key.
   * @returns how many milliseconds it is ahead of our last; 0 if it is ours, or older
   */
  raise(timestamp: Uint8Array): number {
    const known = decodeTai64n(timestamp);
    const ahead = known - this.#latestMs;
    this.#latestMs = Math.max(this.#latestMs, known);
    return ahead < TIMESTAMP_STEP_MS ? 0 : ahead;
  }
}

/** Measures the round trip by messages that were sent once before their answer (Karn's algorithm). */
class RoundTrip {
  ms: number | undefined;
  /** When the only unanswered message was sent; undefined with none, or several. */
  #sentAt: number | undefined;
  #unanswered = 0;

  sent(now: number): void {
    this.#unanswered++;
    this.#sentAt = this.#unanswered === 1 ? now : undefined;
  }

  answered(now: number): void {
    if (this.#sentAt !== undefined) {
      this.ms = now - this.#sentAt;
    }
    this.#sentAt = undefined;
    this.#unanswered = 0;
  }
}

/** Whether a notice echoes the beginning of a data message that was just sent in the session. */
function isEchoOfData(notice: Uint8Array, { terms, transport }: ClientSession): boolean {
  const { echo } = OFFSET.notice;
  if (notice[echo + 3] !== MESSAGE.data) {
    return false;
  }
  const back = transport.sealedCount - readCounter(notice, echo);
  const isOurs = readUint32(notice, echo + OFFSET.data.receiverIndex) === terms.remoteIndex;
  return isOurs && back > 0 && back <= ECHO_WINDOW;
}
