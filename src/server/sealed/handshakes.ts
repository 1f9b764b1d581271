import { type HashKey, halfSipHash } from '../../limits/half-siphash.js';
import { RateLimiter } from '../../limits/rate-limiter.js';
import type { CookieChecker } from '../../sealed/cookie-checker.js';
import { diffieHellmanCounts } from '../../sealed/diffie-hellman.js';
import {
  type OpenedInitiation,
  openInitiation,
  type TransportKeys,
} from '../../sealed/handshake.js';
import type { KeyPair } from '../../sealed/key-pair.js';
import type { MessageMacs } from '../../sealed/mac.js';
import { wipe } from '../../sealed/wipe.js';
import { NO_REPLY } from '../../socket/datagram-batch.js';
import { readUint32 } from '../../wire/byte-order.js';
import {
  MAC_LENGTH,
  MESSAGE_LENGTH,
  mac1Offset,
  NOTICE,
  OFFSET,
  writeCookie,
  writeNotice,
  writeResponse,
} from '../../wire/sealed.js';
import { encodeResponsePayload, STATUS, type Status } from '../../wire/sealed-response.js';
import { compareTai64n } from '../../wire/tai64n.js';
import type { AllowList } from './allow-list.js';
import { type ClientRecord, keyText, type ServerSession } from './client-record.js';
import type { Directory } from './directory.js';
import type { Incoming } from './incoming.js';
import type { Outbox } from './outbox.js';
import { RecentHashes } from './recent-hashes.js';
import type { SealedCounts } from './sealed-counts.js';
import type { Sessions } from './sessions.js';
import { WaitingInitiations } from './waiting-initiations.js';

/**
 * Time for handshakes, in one look at the sockets and before the next: no flood of them keeps clients with a session
 * waiting for longer.
 */
const TURN_MS = 5;

/** Burst of handshakes of one source, in seconds of its rate. */
const BURST_SECONDS = 5;

/** The initiation may cost Diffie-Hellman; it turned out not to be for this server. */
const ADMITTED = -2;
const BROKEN = -3;

const COUNT = {
  [STATUS.welcome]: 'welcomed',
  [STATUS.notAllowed]: 'notAllowed',
  [STATUS.staleTimestamp]: 'staleTimestamp',
  [STATUS.full]: 'full',
} as const;

export interface HandshakeOptions {
  readonly key: KeyPair;
  /** Send no notices to sources that do not know the server's key. */
  readonly only: boolean;
  /** Handshakes per second of one source; 0 = no limit. */
  readonly handshakeRate: number;
  /** Keys the hashes of initiations. */
  readonly hashKey: HashKey;
  readonly ttlMs: number;
  readonly maxWanted: number;
  /** The port of the server's other socket beside one; 0 where it has none. */
  otherPort(socket: number): number;
  /** Monotonic ms, which measures what a handshake costs. */
  clock(): number;
  /** Milliseconds since 1970 UTC. */
  wallClock(): number;
}

/** What to do after a handshake. */
export interface Newcomers {
  /** A session was opened that waits for data. */
  opened(session: ServerSession): void;
  /** Whether the client may ask now for what is in its initiation; undefined for a new client. */
  mayAsk(client: ClientRecord | undefined, now: number): boolean;
  /**
   * The client itself has said that it is at the source of its initiation: its session takes over, it is
   * registered there, and the part of its want list is answered.
   */
  register(session: ServerSession, want: Uint8Array, incoming: Incoming, now: number): void;
}

/**
 * Answers initiations. Before Diffie-Hellman each passes the checks of docs/protocol.md, "What is checked
 * before Diffie-Hellman": nothing is kept of one that fails, and no answer is larger than it.
 */
export class Handshakes {
  /** The keys that may register; all when undefined. */
  allow: AllowList | undefined;
  private readonly limiter: RateLimiter;
  private readonly recent = new RecentHashes();
  private readonly waiting: WaitingInitiations;
  private readonly mac1 = new Uint8Array(MAC_LENGTH);
  /** Time that the handshakes of this turn took, in ms. */
  private spentMs = 0;

  constructor(
    private readonly options: HandshakeOptions,
    private readonly macs: MessageMacs,
    private readonly cookies: CookieChecker,
    private readonly directory: Directory,
    private readonly sessions: Sessions,
    private readonly outbox: Outbox,
    private readonly counts: SealedCounts,
    private readonly newcomers: Newcomers,
  ) {
    const { handshakeRate: rate } = options;
    this.limiter = new RateLimiter({ rate, burst: Math.max(1, BURST_SECONDS * rate) });
    this.waiting = new WaitingInitiations(options.hashKey);
  }

  /** Whether initiations wait for work(). */
  get isWaiting(): boolean {
    return this.waiting.size > 0;
  }

  /** The sockets are looked at anew. */
  beginTurn(): void {
    this.spentMs = 0;
  }

  /**
   * Writes the answer to an initiation in place; returns its length or NO_REPLY. Without time for it, the
   * initiation waits, and the answer is sent by work().
   */
  answer(incoming: Incoming, now: number): number {
    const hasTime = this.spentMs < TURN_MS && !this.isWaiting;
    const checked = this.check(incoming, now, hasTime);
    if (checked !== ADMITTED) {
      return checked;
    }
    if (hasTime) {
      return this.measured(incoming, now);
    }
    this.waiting.add(incoming, now);
    return NO_REPLY;
  }

  /** Answers initiations that wait, for a turn's time, by way of the outbox. */
  work(now: number): void {
    this.beginTurn();
    while (this.spentMs < TURN_MS) {
      const incoming = this.waiting.take();
      if (incoming === undefined) {
        return;
      }
      if (this.waiting.isLate(incoming, now)) {
        this.counts.handshakesDeferred++;
        continue;
      }
      const length = this.measured(incoming, now);
      if (length !== NO_REPLY) {
        this.post(incoming, length);
      }
    }
  }

  private measured(incoming: Incoming, now: number): number {
    const start = this.options.clock();
    const length = this.respond(incoming, now);
    this.spentMs += this.options.clock() - start;
    return length;
  }

  /** Sends what stands in place of a datagram. */
  private post(incoming: Incoming, length: number): void {
    const { outbox } = this;
    const { payload, at, socket, addressWords, addressWord } = incoming;
    outbox.payload(socket).set(payload.subarray(at, at + length), outbox.at(socket));
    outbox.send(socket, length, addressWords, addressWord);
  }

  /** @param hasTime whether the handshake need not wait */
  private check(incoming: Incoming, now: number, hasTime: boolean): number {
    const { payload, at, length } = incoming;
    const { counts } = this;
    counts.initiations++;
    if (!this.macs.hasMac1(payload, at, length)) {
      counts.wrongKey++;
      return this.options.only ? NO_REPLY : this.refuseKey(payload, at, length);
    }
    if (!this.cookies.accepts(payload, at, length, incoming, now)) {
      counts.cookies++;
      return this.sendCookie(incoming, now);
    }
    const hash = this.hashNoise(incoming);
    if (this.recent.has(hash, this.cookies.generation)) {
      counts.handshakesRepeated++;
      return NO_REPLY;
    }
    if (!hasTime && this.waiting.isFull) {
      counts.handshakesDeferred++;
      return NO_REPLY;
    }
    if (!this.limiter.allows(incoming.sourceHash, now)) {
      counts.handshakesLimited++;
      return NO_REPLY;
    }
    this.recent.add(hash, this.cookies.generation);
    return ADMITTED;
  }

  /** The part that a replay repeats, from any source: mac1 and mac2 can be recomputed, the Noise message cannot. */
  private hashNoise({ payloadWords, at, length }: Incoming): number {
    const { noise } = OFFSET.initiation;
    const words = (mac1Offset(length) - noise) >>> 2;
    return halfSipHash(payloadWords, (at + noise) >>> 2, words, this.options.hashKey);
  }

  private refuseKey(payload: Uint8Array, at: number, length: number): number {
    writeNotice(payload, at, NOTICE.wrongKey, payload, at + mac1Offset(length));
    return MESSAGE_LENGTH.notice;
  }

  private sendCookie(incoming: Incoming, now: number): number {
    const { payload, at, length } = incoming;
    const mac1At = at + mac1Offset(length);
    this.mac1.set(payload.subarray(mac1At, mac1At + MAC_LENGTH));
    writeCookie(payload, at, remoteIndexOf(incoming), this.cookies.cookie(incoming, now));
    this.macs.writeTag(payload, at, this.mac1, 0);
    return MESSAGE_LENGTH.cookie;
  }

  /** Opens an admitted initiation and writes the response: in place, or first of what it sends beside. */
  private respond(incoming: Incoming, now: number): number {
    const before = diffieHellmanCounts.shared;
    const { payload, at, length } = incoming;
    const noise = payload.subarray(at + OFFSET.initiation.noise, at + mac1Offset(length));
    const initiation = openInitiation(this.options.key, noise);
    const reply = initiation === undefined ? BROKEN : this.decide(initiation, incoming, now);
    if (reply === BROKEN) {
      this.counts.handshakesBroken++;
    }
    this.counts.diffieHellman += diffieHellmanCounts.shared - before;
    return reply === BROKEN ? NO_REPLY : reply;
  }

  private decide(initiation: OpenedInitiation, incoming: Incoming, now: number): number {
    const key = keyText(Buffer.from(initiation.clientKey));
    const known = this.directory.find(key);
    const refusal = this.refusal(initiation, known);
    const client = known ?? (refusal ? undefined : this.directory.add(key, incoming.source));
    const status = refusal ?? (client === undefined ? STATUS.full : STATUS.welcome);
    const want =
      status === STATUS.welcome ? this.wantIn(initiation, known, incoming, now) : undefined;
    const responded = initiation.respond(this.payload(status, known, want !== undefined, incoming));
    if (responded === undefined) {
      if (client !== known && client !== undefined) {
        this.directory.forget(client);
      }
      return BROKEN;
    }
    this.counts[COUNT[status]]++;
    if (status !== STATUS.welcome || client === undefined) {
      wipe(responded.keys.send, responded.keys.receive);
      return this.answerInPlace(incoming, 0, responded.noise);
    }
    client.timestamp.set(initiation.payload.timestamp);
    const session = this.open(client, responded.keys, incoming, now);
    if (want === undefined) {
      return this.answerInPlace(incoming, session.localIndex, responded.noise);
    }
    this.counts.earlyWants++;
    // Not in the reply in place, which leaves last: peers must follow the response.
    this.answerBeside(incoming, session.localIndex, responded.noise);
    this.newcomers.register(session, want, incoming, now);
    return NO_REPLY;
  }

  private answerInPlace(incoming: Incoming, localIndex: number, noise: Uint8Array): number {
    const { payload, at } = incoming;
    writeResponse(payload, at, remoteIndexOf(incoming), localIndex, noise);
    return MESSAGE_LENGTH.response;
  }

  private answerBeside(incoming: Incoming, localIndex: number, noise: Uint8Array): void {
    const { outbox } = this;
    const { socket, addressWords, addressWord } = incoming;
    const payload = outbox.payload(socket);
    writeResponse(payload, outbox.at(socket), remoteIndexOf(incoming), localIndex, noise);
    outbox.send(socket, MESSAGE_LENGTH.response, addressWords, addressWord);
  }

  /** The part of a want list in an initiation, if it counts: its cookie is that of its source. */
  private wantIn(
    { payload: { early } }: OpenedInitiation,
    known: ClientRecord | undefined,
    incoming: Incoming,
    now: number,
  ): Uint8Array | undefined {
    const counts =
      early !== undefined &&
      this.cookies.isCookieOf(early.cookie, incoming, now) &&
      this.newcomers.mayAsk(known, now);
    return counts ? early.want : undefined;
  }

  private open(
    client: ClientRecord,
    keys: TransportKeys,
    incoming: Incoming,
    now: number,
  ): ServerSession {
    const origin = incoming.path(now);
    const session = this.sessions.open(client, remoteIndexOf(incoming), keys, origin, now);
    this.newcomers.opened(session);
    return session;
  }

  private refusal(
    initiation: OpenedInitiation,
    known: ClientRecord | undefined,
  ): Status | undefined {
    if (this.allow?.has(initiation.clientKey) === false) {
      return STATUS.notAllowed;
    }
    const isStale =
      known !== undefined &&
      compareTai64n(initiation.payload.timestamp, 0, known.timestamp, 0) <= 0;
    return isStale ? STATUS.staleTimestamp : undefined;
  }

  private payload(
    status: Status,
    known: ClientRecord | undefined,
    tookWant: boolean,
    incoming: Incoming,
  ): Uint8Array {
    const { ttlMs, maxWanted, wallClock } = this.options;
    return encodeResponsePayload({
      status,
      tookWant,
      ttlSeconds: Math.ceil(ttlMs / 1000),
      maxWanted,
      relays: this.directory.relays.isOffered,
      clockMs: wallClock(),
      latest: status === STATUS.staleTimestamp ? known?.timestamp : undefined,
      ...(status === STATUS.welcome && {
        observed: incoming.endpoint,
        otherPort: this.options.otherPort(incoming.socket),
      }),
    });
  }
}

/** The client's index of the session that it asks for. */
function remoteIndexOf({ payload, at }: Incoming): number {
  return readUint32(payload, at + OFFSET.initiation.senderIndex);
}
