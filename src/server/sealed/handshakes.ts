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
  NOISE_LENGTH,
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
import { RecentHashes } from './recent-hashes.js';
import type { SealedCounts } from './sealed-counts.js';
import type { Sessions } from './sessions.js';

/** The part of the server's time that handshakes may take while datagrams pile up. */
const TIME_SHARE = 0.25;

/** How much of that time can be saved up, and how much of it can be owed. */
const DEPTH_MS = 25;

/** Burst of handshakes of one source, in seconds of its rate. */
const BURST_SECONDS = 5;

const NOISE_WORDS = NOISE_LENGTH.initiation / Uint32Array.BYTES_PER_ELEMENT;

/** The initiation may cost Diffie-Hellman. */
const ADMITTED = -2;

const COUNT = {
  [STATUS.welcome]: 'welcomed',
  [STATUS.notAllowed]: 'notAllowed',
  [STATUS.staleTimestamp]: 'staleTimestamp',
  [STATUS.full]: 'full',
} as const;

export interface HandshakeOptions {
  readonly key: KeyPair;
  /** Send no notices to those who do not know the server's key. */
  readonly only: boolean;
  /** Handshakes per second of one source; 0 = no limit. */
  readonly handshakeRate: number;
  /** Keys the hashes of initiations. */
  readonly hashKey: HashKey;
  readonly ttlMs: number;
  readonly maxWanted: number;
  /** Monotonic ms, which measures what a handshake costs. */
  clock(): number;
  /** Milliseconds since 1970 UTC. */
  wallClock(): number;
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
  private readonly mac1 = new Uint8Array(MAC_LENGTH);
  /** Time that handshakes may take now, in ms. */
  private credit = DEPTH_MS;
  private creditedAt: number | undefined;

  constructor(
    private readonly options: HandshakeOptions,
    private readonly macs: MessageMacs,
    private readonly cookies: CookieChecker,
    private readonly directory: Directory,
    private readonly sessions: Sessions,
    private readonly counts: SealedCounts,
    /** Called with each session that waits to be confirmed. */
    private readonly opened: (session: ServerSession) => void,
  ) {
    const { handshakeRate: rate } = options;
    this.limiter = new RateLimiter({ rate, burst: Math.max(1, BURST_SECONDS * rate) });
  }

  /** Writes the answer to an initiation in place; returns its length or NO_REPLY. */
  answer(incoming: Incoming, now: number): number {
    const checked = this.check(incoming, now);
    if (checked !== ADMITTED) {
      return checked;
    }
    const start = this.options.clock();
    const length = this.respond(incoming, now);
    this.credit = Math.max(this.credit - (this.options.clock() - start), -DEPTH_MS);
    return length;
  }

  private check(incoming: Incoming, now: number): number {
    const { payload, at } = incoming;
    const { counts } = this;
    counts.initiations++;
    if (!this.macs.hasMac1(payload, at)) {
      counts.wrongKey++;
      return this.options.only ? NO_REPLY : this.refuseKey(payload, at);
    }
    if (!this.cookies.accepts(payload, at, incoming, now)) {
      counts.cookies++;
      return this.sendCookie(incoming, now);
    }
    const hash = this.hashNoise(incoming);
    if (this.recent.has(hash, this.cookies.generation)) {
      counts.handshakesRepeated++;
      return NO_REPLY;
    }
    if (!this.hasTime(now, incoming.isBacklogged)) {
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

  /** What a replay repeats, from whatever source: mac1 and mac2 can be made anew, the Noise message not. */
  private hashNoise({ payloadWords, at }: Incoming): number {
    const noiseAt = (at + OFFSET.initiation.noise) >>> 2;
    return halfSipHash(payloadWords, noiseAt, NOISE_WORDS, this.options.hashKey);
  }

  /**
   * Whether there is time for a handshake. While batches come full, all handshakes together take a quarter
   * of the time, so that no flood of them keeps known sessions waiting.
   */
  private hasTime(now: number, isBacklogged: boolean): boolean {
    const elapsed = now - (this.creditedAt ?? now);
    this.creditedAt = now;
    this.credit = Math.min(this.credit + elapsed * TIME_SHARE, DEPTH_MS);
    return !isBacklogged || this.credit > 0;
  }

  private refuseKey(payload: Uint8Array, at: number): number {
    writeNotice(payload, at, NOTICE.wrongKey, payload, at + OFFSET.initiation.mac1);
    return MESSAGE_LENGTH.notice;
  }

  private sendCookie(incoming: Incoming, now: number): number {
    const { payload, at } = incoming;
    const mac1At = at + OFFSET.initiation.mac1;
    this.mac1.set(payload.subarray(mac1At, mac1At + MAC_LENGTH));
    writeCookie(payload, at, remoteIndexOf(incoming), this.cookies.cookie(incoming, now));
    this.macs.writeTag(payload, at, this.mac1, 0);
    return MESSAGE_LENGTH.cookie;
  }

  /** Opens an admitted initiation and writes the response in place. */
  private respond(incoming: Incoming, now: number): number {
    const before = diffieHellmanCounts.shared;
    const noiseAt = incoming.at + OFFSET.initiation.noise;
    const noise = incoming.payload.subarray(noiseAt, noiseAt + NOISE_LENGTH.initiation);
    const initiation = openInitiation(this.options.key, noise);
    const length = initiation === undefined ? NO_REPLY : this.decide(initiation, incoming, now);
    if (length === NO_REPLY) {
      this.counts.handshakesBroken++;
    }
    this.counts.diffieHellman += diffieHellmanCounts.shared - before;
    return length;
  }

  private decide(initiation: OpenedInitiation, incoming: Incoming, now: number): number {
    const key = keyText(Buffer.from(initiation.clientKey));
    const known = this.directory.find(key);
    const refusal = this.refusal(initiation, known);
    const client = known ?? (refusal ? undefined : this.directory.add(key, incoming.source));
    const status = refusal ?? (client === undefined ? STATUS.full : STATUS.welcome);
    const responded = initiation.respond(this.payload(status, known));
    if (responded === undefined) {
      if (client !== known && client !== undefined) {
        this.directory.forget(client);
      }
      return NO_REPLY;
    }
    this.counts[COUNT[status]]++;
    let localIndex = 0;
    if (status === STATUS.welcome && client !== undefined) {
      client.timestamp.set(initiation.timestamp);
      localIndex = this.open(client, responded.keys, incoming, now);
    } else {
      wipe(responded.keys.send, responded.keys.receive);
    }
    const { payload, at } = incoming;
    writeResponse(payload, at, remoteIndexOf(incoming), localIndex, responded.noise);
    return MESSAGE_LENGTH.response;
  }

  private open(client: ClientRecord, keys: TransportKeys, incoming: Incoming, now: number): number {
    const origin = incoming.path(now);
    const session = this.sessions.open(client, remoteIndexOf(incoming), keys, origin, now);
    this.opened(session);
    return session.localIndex;
  }

  private refusal(
    initiation: OpenedInitiation,
    known: ClientRecord | undefined,
  ): Status | undefined {
    if (this.allow?.has(initiation.clientKey) === false) {
      return STATUS.notAllowed;
    }
    const isStale =
      known !== undefined && compareTai64n(initiation.timestamp, 0, known.timestamp, 0) <= 0;
    return isStale ? STATUS.staleTimestamp : undefined;
  }

  private payload(status: Status, known: ClientRecord | undefined): Uint8Array {
    const { ttlMs, maxWanted, wallClock } = this.options;
    return encodeResponsePayload({
      status,
      ttlSeconds: Math.ceil(ttlMs / 1000),
      maxWanted,
      relays: this.directory.relays.isOffered,
      clockMs: wallClock(),
      latest: status === STATUS.staleTimestamp ? known?.timestamp : undefined,
    });
  }
}

/** The client's index of the session that it asks for. */
function remoteIndexOf({ payload, at }: Incoming): number {
  return readUint32(payload, at + OFFSET.initiation.senderIndex);
}
