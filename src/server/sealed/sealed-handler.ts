import type { Admission } from '../../limits/admission.js';
import type { HashKey } from '../../limits/half-siphash.js';
import { CookieChecker } from '../../sealed/cookie-checker.js';
import { type KeyPair, wipeKeyPair } from '../../sealed/key-pair.js';
import { MessageMacs } from '../../sealed/mac.js';
import { type DatagramBatch, NO_REPLY } from '../../socket/datagram-batch.js';
import type { Family } from '../../wire/endpoint.js';
import { MESSAGE, messageType } from '../../wire/sealed.js';
import type { RelayHandler } from '../relay/relay-handler.js';
import type { SourceMonitor } from '../source-monitor.js';
import type { AllowList } from './allow-list.js';
import type { ClientRecord, Want } from './client-record.js';
import { ClientTimers } from './client-timers.js';
import { DataReceiver, Frames } from './data.js';
import { Directory } from './directory.js';
import { Handshakes } from './handshakes.js';
import { Incoming } from './incoming.js';
import { Outbox, type Outlet } from './outbox.js';
import { Pusher } from './pusher.js';
import { noSealedCounts, type SealedCounts, type SealedSizes } from './sealed-counts.js';
import { Sessions } from './sessions.js';
import { TimerWheel } from './timer-wheel.js';

/**
 * Clients, whatever the classic table may hold: each takes about 3 KB of V8's heap, which ends at 2 GiB
 * on small hosts.
 */
const MAX_CLIENTS = 250_000;

/** Wants of all clients together: so many for each client that there may be, and so many at least. */
const WANTS_PER_CLIENT = 16;
const MIN_WANTS = 65_536;

const MAX_CANDIDATES = 65_536;

export interface SealedHandlerOptions {
  readonly key: KeyPair;
  /** Ignore clients that do not prove knowledge of the server's key. */
  readonly only: boolean;
  readonly allow: AllowList | undefined;
  readonly maxClients: number;
  readonly ttlMs: number;
  readonly maxWanted: number;
  /** Handshakes per second of one source, messages per second of one client; 0 = no limit. */
  readonly handshakeRate: number;
  readonly clientRate: number;
  readonly sourceShare: number;
  /** The rate of each source, which the classic protocol draws on as well. */
  readonly admission: Admission;
  readonly sources: SourceMonitor;
  /** @default the server does not relay */
  readonly relay?: RelayHandler<Want> | undefined;
  /** The keys that may use the relay. @default all */
  readonly relayAllow?: AllowList | undefined;
  /** Where the handler's own datagrams go; shared with other protocols. @default its own */
  readonly outbox?: Outbox;
  /** The other port of a socket's address, 0 for none: where a client asks about its NATs. @default 0 */
  readonly otherPort?: (socket: number) => number;
  /** Keys all hashes. */
  readonly hashKey: HashKey;
}

/** Clocks and randomness, which tests replace. */
export interface Surroundings {
  /** Monotonic ms, which measures what a handshake costs. */
  clock(): number;
  /** Milliseconds since 1970 UTC. */
  wallClock(): number;
  /** 32 unpredictable bits. */
  randomNumber(): number;
}

/** The sealed protocol over batches of datagrams: begin(), answer() for each datagram, finish(). */
export class SealedHandler {
  readonly counts: SealedCounts = noSealedCounts();
  readonly directory: Directory;
  private readonly sessions: Sessions;
  private readonly outbox: Outbox;
  private readonly pusher: Pusher;
  private readonly timers: ClientTimers;
  private readonly handshakes: Handshakes;
  private readonly data: DataReceiver;
  private readonly incoming: Incoming;

  constructor(
    private readonly options: SealedHandlerOptions,
    surroundings: Surroundings,
  ) {
    const { admission, hashKey, key, ttlMs } = options;
    const maxClients = Math.min(options.maxClients, MAX_CLIENTS);
    const { counts } = this;
    const { outbox = new Outbox(), otherPort = () => 0 } = options;
    this.outbox = outbox;
    const now = surroundings.clock();
    const cookies = new CookieChecker(now);
    const wheel = new TimerWheel<ClientRecord>(now);
    this.incoming = new Incoming(hashKey);
    this.directory = new Directory({
      ...options,
      maxClients,
      maxWants: Math.max(WANTS_PER_CLIENT * maxClients, MIN_WANTS),
      maxCandidates: MAX_CANDIDATES,
    });
    this.sessions = new Sessions(() => surroundings.randomNumber());
    this.pusher = new Pusher(this.directory, outbox, counts, (it, at) => wheel.hasten(it, at));
    this.timers = new ClientTimers(
      this.directory,
      this.sessions,
      this.pusher,
      wheel,
      counts,
      ttlMs,
    );
    this.handshakes = new Handshakes(
      {
        ...options,
        otherPort,
        clock: () => surroundings.clock(),
        wallClock: () => surroundings.wallClock(),
      },
      new MessageMacs(key.publicKey),
      cookies,
      this.directory,
      this.sessions,
      outbox,
      counts,
      {
        opened: ({ client, endsAt }) => wheel.hasten(client, endsAt),
        mayAsk: (client, at) => this.data.mayAsk(client, at),
        register: (...handshake) => this.data.register(...handshake),
      },
    );
    this.handshakes.allow = options.allow;
    this.directory.relays.allow = options.relayAllow;
    this.data = new DataReceiver(
      options,
      admission,
      this.directory,
      this.sessions,
      cookies,
      new Frames(this.directory, outbox, this.pusher, counts, this.timers, otherPort),
      counts,
      this.timers,
      options.sources,
    );
  }

  /** The present sizes of its tables. */
  get sizes(): SealedSizes {
    return { ...this.directory.sizes, sessions: this.sessions.size };
  }

  /** Adds a socket; sockets are numbered from 0 in order. */
  addSocket(outlet: Outlet): void {
    this.outbox.add(outlet);
  }

  /** From now on only these keys may register; clients with other keys are removed. */
  allowOnly(allow: AllowList): void {
    this.handshakes.allow = allow;
    for (const client of [...this.directory.clients]) {
      if (!allow.has(Buffer.from(client.key, 'latin1'))) {
        this.timers.forget(client);
      }
    }
    this.directory.relays.closeOthers(allow);
  }

  /** From now on only these keys may use the relay. */
  allowRelay(allow: AllowList): void {
    this.directory.relays.allowOnly(allow);
  }

  /** Begins a batch of `count` datagrams, which arrived over the socket with that number. */
  begin(batch: DatagramBatch, count: number, family: Family, socket: number): void {
    if (!this.incoming.isBacklogged) {
      this.handshakes.beginTurn();
    } // else this batch belongs to the same look at the sockets as the one before
    this.incoming.begin(batch, count, family, socket);
  }

  /** Answers the datagram in a slot in place; returns the length of the reply or NO_REPLY. */
  answer(slot: number, now: number): number {
    const { incoming } = this;
    incoming.slot = slot;
    switch (messageType(incoming.payload, incoming.at, incoming.length)) {
      case MESSAGE.initiation:
        return this.options.admission.charge(incoming.batch, slot, incoming.family, now)
          ? this.handshakes.answer(incoming, now)
          : NO_REPLY;
      case MESSAGE.data:
        return this.data.receive(incoming, now);
      default:
        this.counts.malformed++;
        return NO_REPLY;
    }
  }

  /** Ends a batch: sends the updates it caused. */
  finish(now: number): void {
    this.pusher.beginTurn(this.incoming.isBacklogged);
    this.send(now);
  }

  /** Call this about every 50 ms: carries out what is due, and sends what the last turn left over. */
  tick(now: number): void {
    this.pusher.beginTurn(false);
    this.handshakes.work(now);
    this.timers.tick(now);
    this.directory.relays.tick(now);
    this.send(now);
  }

  /** Whether there is something for work() to do. */
  get isBusy(): boolean {
    return this.handshakes.isWaiting;
  }

  /** Call this after each look at the sockets while `isBusy`: goes on with handshakes that took too long before. */
  work(now: number): void {
    this.pusher.beginTurn(true); // the sockets may have more; tick() sends the rest
    this.handshakes.work(now);
    this.send(now);
  }

  /** Sends the updates that other servers caused. */
  push(now: number): void {
    this.pusher.beginTurn(false);
    this.send(now);
  }

  /** The keys that may register; all when undefined. */
  get allow(): AllowList | undefined {
    return this.handshakes.allow;
  }

  /** Ends all sessions and overwrites the server's key; the handler cannot be used afterwards. */
  wipe(): void {
    for (const client of this.directory.clients) {
      this.sessions.end(client);
    }
    wipeKeyPair(this.options.key);
  }

  private send(now: number): void {
    this.pusher.flush(now);
    this.outbox.flush();
  }
}
