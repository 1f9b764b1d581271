import type { HashKey } from '../../limits/half-siphash.js';
import { RateLimiter } from '../../limits/rate-limiter.js';
import { sourceHash } from '../../limits/source-hash.js';
import { CookieJar } from '../../sealed/cookie-jar.js';
import { type KeyPair, wipeKeyPair } from '../../sealed/key-pair.js';
import { MessageMacs } from '../../sealed/mac.js';
import {
  ADDRESS_WORDS,
  type DatagramBatch,
  NO_REPLY,
  PORT_WORD,
} from '../../socket/datagram-batch.js';
import { readUint32 } from '../../wire/byte-order.js';
import { CLASSIC_REQUEST_LENGTH } from '../../wire/classic.js';
import type { Family } from '../../wire/endpoint.js';
import { MESSAGE, messageType, OFFSET } from '../../wire/sealed.js';
import type { AllowList } from './allow-list.js';
import type { Client } from './client.js';
import { ClientCare } from './client-care.js';
import { DataReceiver } from './data-receiver.js';
import { Directory } from './directory.js';
import { FrameResponder } from './frame-responder.js';
import { HandshakeBudget } from './handshake-budget.js';
import { HandshakeResponder } from './handshake-responder.js';
import { Incoming } from './incoming.js';
import { ADMITTED, InitiationGate } from './initiation-gate.js';
import { Outbox, type Outlet } from './outbox.js';
import { Pusher } from './pusher.js';
import { noSealedCounts, type SealedCounts, type SealedSizes } from './sealed-counts.js';
import { Sessions } from './sessions.js';
import { TimerWheel } from './timer-wheel.js';

/** Clients, however many peers the classic table may hold: some 3 KB of V8's heap each, which ends at 2 GiB on small hosts. */
const MAX_CLIENTS = 250_000;

/** Wishes for each client that there may be, and the least that all may have together. */
const WISHES_PER_CLIENT = 16;
const MIN_WISHES = 65_536;

const MAX_OFFERS = 65_536;

export interface SealedHandlerOptions {
  readonly key: KeyPair;
  /** Answer no classic requests, and nobody who may not know the server's key. */
  readonly only: boolean;
  readonly allow: AllowList | undefined;
  readonly maxClients: number;
  readonly ttlMs: number;
  readonly maxWanted: number;
  /** Handshakes a second of one source, messages a second of one client; 0 = no limit. */
  readonly handshakeRate: number;
  readonly clientRate: number;
  readonly sourceShare: number;
  /** Messages a second, and at once, of one source that name a session and do not open; 0 = no limit. */
  readonly sourceRate: number;
  readonly sourceBurst: number;
  /** Each source's rate, and the key by which sources are hashed: the classic protocol draws on both. */
  readonly limiter: RateLimiter;
  readonly hashKey: HashKey;
}

/** What the handler takes from outside, so that tests can take its place. */
export interface Surroundings {
  /** Milliseconds that only go up; what a handshake takes is measured with it. */
  clock(): number;
  /** Milliseconds since 1970 UTC. */
  wallClock(): number;
  /** 32 bits that nobody can foretell. */
  randomNumber(): number;
}

/**
 * The sealed protocol over batches of datagrams. A batch is first sifted: what is not classic is taken
 * out of it, then the classic handler answers what is left, then this one answers what was taken out.
 */
export class SealedHandler {
  readonly counts: SealedCounts = noSealedCounts();
  private readonly directory: Directory;
  private readonly sessions: Sessions;
  private readonly outbox = new Outbox();
  private readonly pusher: Pusher;
  private readonly care: ClientCare;
  private readonly budget: HandshakeBudget;
  private readonly gate: InitiationGate;
  private readonly responder: HandshakeResponder;
  private readonly receiver: DataReceiver;
  private readonly forgeries: RateLimiter;
  private readonly incoming = new Incoming();
  /** Of each datagram that was taken out: its slot, length and source. */
  private slots = new Int32Array(0);
  private lengths = new Int32Array(0);
  private sources = new Int32Array(0);
  private taken = 0;

  constructor(
    private readonly options: SealedHandlerOptions,
    private readonly surroundings: Surroundings,
  ) {
    const { key, only, ttlMs, sourceRate, sourceBurst } = options;
    const maxClients = Math.min(options.maxClients, MAX_CLIENTS);
    const { counts, outbox } = this;
    const now = surroundings.clock();
    const jar = new CookieJar(now);
    const wheel = new TimerWheel<Client>(now);
    this.directory = new Directory({
      ...options,
      maxClients,
      maxWishes: Math.max(WISHES_PER_CLIENT * maxClients, MIN_WISHES),
      maxOffers: MAX_OFFERS,
    });
    this.sessions = new Sessions(() => surroundings.randomNumber());
    this.pusher = new Pusher(this.directory, outbox, counts, (it, at) => wheel.hasten(it, at));
    this.care = new ClientCare(this.directory, this.sessions, this.pusher, wheel, counts, ttlMs);
    this.budget = new HandshakeBudget(options.handshakeRate);
    const macs = new MessageMacs(key.publicKey);
    this.gate = new InitiationGate(macs, jar, this.budget, counts, only);
    this.responder = new HandshakeResponder(
      { ...options, wallClock: () => surroundings.wallClock() },
      this.directory,
      this.sessions,
      counts,
      ({ client, endsAt }) => wheel.hasten(client, endsAt),
    );
    this.responder.allow = options.allow;
    const frames = new FrameResponder(this.directory, outbox, this.pusher, counts, this.care);
    this.forgeries = new RateLimiter({ rate: sourceRate, burst: sourceBurst });
    this.receiver = new DataReceiver(
      { ...options, silent: only },
      this.directory,
      this.sessions,
      jar,
      frames,
      counts,
      this.care,
      this.forgeries,
    );
  }

  /** What there is now. */
  get sizes(): SealedSizes {
    const { directory } = this;
    return {
      clients: directory.size,
      sessions: this.sessions.size,
      wishes: directory.wishes.size,
      offers: directory.offers.size,
    };
  }

  /** Adds a socket; they are numbered from 0 in order. */
  addSocket(outlet: Outlet): void {
    this.outbox.add(outlet);
  }

  /** From now on only these keys may register; who has and is not among them is forgotten. */
  allowOnly(allow: AllowList): void {
    this.responder.allow = allow;
    for (const client of [...this.directory.clients]) {
      if (!allow.has(this.directory.names.read(client.name))) {
        this.care.forget(client);
      }
    }
  }

  /**
   * Takes what is not classic out of the first `count` slots, whose lengths become NO_REPLY.
   * @returns how many classic requests are left
   */
  sift(batch: DatagramBatch, count: number, family: Family, now: number): number {
    if (this.slots.length < batch.capacity) {
      this.slots = new Int32Array(batch.capacity);
      this.lengths = new Int32Array(batch.capacity);
      this.sources = new Int32Array(batch.capacity);
    }
    this.taken = 0;
    let classic = 0;
    for (let slot = 0; slot < count; slot++) {
      if (batch.lengths[slot] !== CLASSIC_REQUEST_LENGTH) {
        this.take(batch, slot, family, now);
      } else if (this.options.only) {
        this.counts.classicDropped++;
        batch.lengths[slot] = NO_REPLY;
      } else {
        classic++;
      }
    }
    return classic;
  }

  /** Answers what sift() took out of the batch, which arrived over the socket with that number. */
  answer(batch: DatagramBatch, count: number, family: Family, socket: number, now: number): void {
    const { incoming } = this;
    incoming.begin(batch, count, family, socket);
    for (let i = 0; i < this.taken; i++) {
      const slot = this.slots[i]!;
      incoming.slot = slot;
      incoming.length = this.lengths[i]!;
      incoming.sourceHash = this.sources[i]!;
      batch.lengths[slot] = this.answerOne(incoming, now);
    }
    this.pusher.beginTurn(incoming.isBacklogged);
    this.send(now);
  }

  /** To be called every 50 ms or so: what is due, and what was left of the last turn. */
  tick(now: number): void {
    this.pusher.beginTurn(false);
    this.care.tick(now);
    this.send(now);
  }

  /** Ends all sessions and overwrites the server's key; nothing may be asked of it from then on. */
  wipe(): void {
    for (const client of this.directory.clients) {
      this.sessions.end(client);
    }
    wipeKeyPair(this.options.key);
  }

  private answerOne(incoming: Incoming, now: number): number {
    switch (messageType(incoming.payload, incoming.at, incoming.length)) {
      case MESSAGE.initiation:
        return this.handshake(incoming, now);
      case MESSAGE.data:
        return this.receiver.receive(incoming, now);
      default:
        this.counts.malformed++;
        return NO_REPLY;
    }
  }

  private handshake(incoming: Incoming, now: number): number {
    const checked = this.gate.check(incoming, now);
    if (checked !== ADMITTED) {
      return checked;
    }
    const { surroundings } = this;
    const start = surroundings.clock();
    const length = this.responder.respond(incoming, now);
    this.budget.spend(surroundings.clock() - start);
    return length;
  }

  private take(batch: DatagramBatch, slot: number, family: Family, now: number): void {
    const addressAt = slot * ADDRESS_WORDS;
    const source = sourceHash(batch.addresses, addressAt, family, this.options.hashKey);
    if (!this.allows(batch, slot, source, now)) {
      this.counts.limited++;
    } else if (batch.addresses[addressAt + PORT_WORD] === 0) {
      this.counts.malformed++; // nothing can be sent to port 0
    } else {
      this.slots[this.taken] = slot;
      this.lengths[this.taken] = batch.lengths[slot]!;
      this.sources[this.taken] = source;
      this.taken++;
    }
    batch.lengths[slot] = NO_REPLY;
  }

  /**
   * Whether a source may have the datagram looked at. Its rate is anybody's to use up, in its name: data of
   * a session is let in all the same, until too much of it turns out to be forged.
   */
  private allows(batch: DatagramBatch, slot: number, source: number, now: number): boolean {
    const { payload, stride, lengths } = batch;
    const at = slot * stride;
    const isOfSession =
      messageType(payload, at, lengths[slot]!) === MESSAGE.data &&
      this.sessions.find(readUint32(payload, at + OFFSET.data.receiver), now) !== undefined;
    return isOfSession ? this.forgeries.has(source, now) : this.options.limiter.allows(source, now);
  }

  private send(now: number): void {
    this.pusher.flush(now);
    this.outbox.flush();
  }
}
