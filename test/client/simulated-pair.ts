import { PeerBook } from '../../src/client/peer-book.js';
import { type Endpoint, endpoint, sameEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, type PublicKey, publicKey } from '../../src/wire/key.js';
import type { Intent } from '../../src/wire/probe.js';
import type { Peer, PeerConfig } from '../../src/wireguard/device.js';

/** Milliseconds since the epoch when the simulated clock stands at 0. */
const WALL = 1_700_000_000_000;
const REKEY_TIMEOUT_MS = 5000;
const REKEY_JITTER_MS = 334;
const KEEPALIVE_SECONDS = 25;

/** The relay port of the pair. */
const RELAY = endpoint('192.0.2.1', 49_920);

/** A probe, without what authenticates it. */
interface Probe {
  readonly intent: Intent;
  readonly transaction: number;
  readonly observed?: Endpoint | undefined;
}

/** Something that crosses the simulated internet. */
type Packet =
  | { readonly type: 'probe'; readonly probe: Probe }
  | { readonly type: 'initiation' | 'response'; readonly handshake: number }
  | { readonly type: 'data' };

/** `poisoning`: a cone where a packet that comes before the first one to its source moves the mapping to that. */
export type Nat = 'none' | 'cone' | 'symmetric' | 'poisoning';

/** Something that happens at a time; `order` decides between two of the same time. */
interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** How a pair is set up; times in milliseconds. */
export interface PairOptions {
  readonly roundTripMs: number;
  /** Each packet takes up to this much longer. @default 0 */
  readonly jitterMs?: number;
  /** Share of packets lost, 0..1. @default 0 */
  readonly loss?: number;
  /** When each side learns the endpoint of the other. @default both at 0 */
  readonly learnsAt?: readonly [number, number];
  /** @default cone, cone */
  readonly nats?: readonly [Nat, Nat];
  /** Whether each side has a keepalive from the start. @default neither */
  readonly keepalives?: readonly [boolean, boolean];
  /** Whether each side sends user traffic every second. @default neither */
  readonly traffic?: readonly [boolean, boolean];
  /** @default true */
  readonly replace?: boolean;
  /** Whether both learn of each other by the same push, and prove their probes by a secret. @default false */
  readonly isSimultaneous?: boolean;
  /** Which side runs a client of ours. @default both */
  readonly clients?: readonly [boolean, boolean];
  /** Which side's public key is the greater one. @default 0 */
  readonly leader?: 0 | 1;
  /** What each side takes for the round trip before it measured it. @default roundTripMs */
  readonly estimateMs?: number;
  /**
   * Whether a server relays: a side that needs it gets it so many milliseconds after both asked, the other a
   * round trip later. @default undefined, no relay
   */
  readonly relayAfterMs?: number | undefined;
  /** The TTL of openers, which do not arrive. @default undefined, no openers */
  readonly openerTtl?: number | undefined;
  /** What running `wg` takes at most. @default 10 */
  readonly wgMs?: number;
  /** @default 1 */
  readonly seed?: number;
}

/** An initiation that left a host. */
export interface Initiation {
  readonly side: 0 | 1;
  readonly at: number;
  readonly isByRelay: boolean;
}

/**
 * Two hosts behind NATs, each with the client's decisions and a WireGuard that has one handshake state for
 * its peer and sends no initiation within 5 s of the last one. Runs on a clock of its own.
 */
export class SimulatedPair {
  now = 0;
  readonly initiations: Initiation[] = [];
  /** When each side's session was there; undefined before. */
  readonly connectedAt: [number | undefined, number | undefined] = [undefined, undefined];
  probes = 0;
  readonly options: Required<PairOptions>;
  /** When each side asked for a relay. */
  readonly askedAt: [number | undefined, number | undefined] = [undefined, undefined];
  readonly sides: readonly [Side, Side];
  readonly #events: Event[] = [];
  #order = 0;
  #random: number;

  constructor(options: PairOptions) {
    this.options = {
      jitterMs: 0,
      loss: 0,
      learnsAt: [0, 0],
      nats: ['cone', 'cone'],
      keepalives: [false, false],
      traffic: [false, false],
      replace: true,
      isSimultaneous: false,
      clients: [true, true],
      leader: 0,
      estimateMs: options.roundTripMs,
      relayAfterMs: undefined,
      openerTtl: undefined,
      wgMs: 10,
      seed: 1,
      ...options,
    };
    this.#random = this.options.seed;
    this.sides = [new Side(this, 0), new Side(this, 1)];
  }

  /** A number in 0..1, the same ones for the same seed. */
  random(): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 0x8000_0000;
    return this.#random / 0x8000_0000;
  }

  /** Does something after so many milliseconds. */
  after(ms: number, run: () => void): void {
    this.#order++;
    this.#events.push({ at: this.now + ms, order: this.#order, run });
  }

  /** Runs until both sides are connected, or the time is over; says when that was, or Infinity. */
  run(untilMs: number): number {
    while (this.#events.length > 0) {
      this.#events.sort((a, b) => a.at - b.at || a.order - b.order);
      const event = this.#events.shift() as Event;
      if (event.at > untilMs) {
        break;
      }
      this.now = event.at;
      event.run();
      const [a, b] = this.connectedAt;
      if (a !== undefined && b !== undefined) {
        return Math.max(a, b);
      }
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Carries a packet from the outside of one NAT to the other. */
  carry(from: 0 | 1, source: Endpoint, to: Endpoint, packet: Packet): void {
    const { roundTripMs, jitterMs, loss } = this.options;
    if (this.random() >= loss) {
      const ms = roundTripMs / 2 + this.random() * jitterMs;
      this.after(ms, () => this.sides[from === 0 ? 1 : 0].arrive(source, to, packet));
    }
  }

  /** A side needs a relay; where both do, both get it. */
  askRelay(side: 0 | 1): void {
    const { relayAfterMs, roundTripMs } = this.options;
    if (this.askedAt[side] !== undefined || relayAfterMs === undefined) {
      return;
    }
    this.askedAt[side] = this.now;
    if (this.askedAt.every((at) => at !== undefined)) {
      this.after(relayAfterMs, () => this.sides[side].relayed());
      this.after(relayAfterMs + roundTripMs, () => this.sides[side === 0 ? 1 : 0].relayed());
    }
  }

  /** Initiations of both sides that were under way on the same path at the same time. */
  get crossings(): number {
    const oneWay = this.options.roundTripMs / 2 + this.options.jitterMs;
    const [a, b] = ([0, 1] as const).map((side) =>
      this.initiations.filter((one) => one.side === side),
    ) as [Initiation[], Initiation[]];
    const crosses = (one: Initiation, other: Initiation): boolean =>
      one.isByRelay === other.isByRelay && Math.abs(one.at - other.at) < oneWay;
    return a.filter((one) => b.some((other) => crosses(one, other))).length;
  }
}

/** One host: its NAT, its WireGuard, and the decisions of its client. */
class Side {
  readonly #pair: SimulatedPair;
  readonly #index: 0 | 1;
  readonly #book: PeerBook;
  readonly #nat: Nat;
  readonly wireguard: SimulatedWireGuard;
  /** The endpoint that a server, and with a cone NAT everyone else, sees. */
  readonly outside: Endpoint;
  readonly #mappingToPeer: Endpoint;
  readonly #permitted: Endpoint[] = [];
  readonly #ownKey: PublicKey;
  readonly #peerKey: string;
  #isPoisoned = false;
  #learned: Endpoint | undefined;
  #inspectedAt = Number.NEGATIVE_INFINITY;
  #isBusy = false;
  #turnAt = Number.POSITIVE_INFINITY;

  constructor(pair: SimulatedPair, index: 0 | 1) {
    const { options } = pair;
    this.#pair = pair;
    this.#index = index;
    this.#nat = options.nats[index];
    this.outside = endpoint(`198.51.100.${index + 1}`, 51820);
    this.#mappingToPeer = endpoint(this.outside.address, 40_000);
    const own = publicKey(new Uint8Array(32).fill(index === options.leader ? 2 : 1));
    const theirs = publicKey(new Uint8Array(32).fill(index === options.leader ? 1 : 2));
    this.#peerKey = formatPublicKey(theirs);
    this.#book = new PeerBook({
      keepalive: KEEPALIVE_SECONDS,
      replace: options.replace,
      roundTripMs: () => options.estimateMs,
      isSimultaneous: () => options.isSimultaneous,
      openerTtl: () => options.openerTtl,
      isSecret: () => options.isSimultaneous || options.relayAfterMs !== undefined,
    });
    this.wireguard = new SimulatedWireGuard(pair, index, theirs, (to, packet) =>
      this.#send(to, packet),
    );
    this.#ownKey = own;
    pair.after(options.learnsAt[index], () => this.#learns());
    if (options.traffic[index]) {
      this.#traffic();
    }
    this.#turn();
  }

  /** The server does not know the peer at first: the peer comes later, and learns of this side at once. */
  get #isLast(): boolean {
    const { learnsAt } = this.#pair.options;
    return learnsAt[this.#index] > learnsAt[this.#index === 0 ? 1 : 0];
  }

  /** The peer is reached by the relay from now on. */
  relayed(): void {
    this.#book.peers.get(this.#peerKey)?.relayed(RELAY);
    this.#turn();
  }

  /** A packet is at the outside of the NAT. */
  arrive(source: Endpoint, to: Endpoint, packet: Packet): void {
    if (sameEndpoint(to, RELAY)) {
      if (packet.type !== 'probe') {
        this.wireguard.receive(RELAY, packet);
      }
      return;
    }
    const isMapped = sameEndpoint(to, this.#mapping);
    const isPermitted = this.#permitted.some((one) => sameEndpoint(one, source));
    if (this.#nat === 'poisoning' && !isPermitted) {
      this.#isPoisoned = true;
    }
    if (!isMapped || (this.#nat !== 'none' && !isPermitted)) {
      return;
    }
    if (packet.type !== 'probe') {
      this.wireguard.receive(source, packet);
    } else if (this.#pair.options.clients[this.#index]) {
      this.#pair.probes++;
      const probe = { ...packet.probe, from: source };
      if (this.#book.heard(this.#peerKey, probe, this.#pair.now)) {
        this.#sendProbes();
        this.#turn();
      }
    }
  }

  #learns(): void {
    const peer = this.#pair.sides[this.#index === 0 ? 1 : 0];
    this.#learned = peer.outside;
    if (this.#pair.options.clients[this.#index]) {
      this.#book.peers.get(this.#peerKey)?.answered([peer.outside]);
      this.#sendProbes();
      this.#turn();
    } else {
      // The original's client sets endpoint and keepalive at once.
      this.wireguard.set({
        publicKey: this.wireguard.publicKey,
        endpoint: peer.outside,
        persistentKeepalive: KEEPALIVE_SECONDS,
      });
    }
  }

  /** Where packets to the peer come from: with a symmetric NAT not where the server sees this host. */
  get #mapping(): Endpoint {
    return this.#nat === 'symmetric' || this.#isPoisoned ? this.#mappingToPeer : this.outside;
  }

  #send(to: Endpoint, packet: Packet, ttl?: number): void {
    this.#permitted.push(to);
    if (ttl !== undefined) {
      return; // it passes the own NAT and no other
    }
    this.#pair.carry(this.#index, this.#mapping, to, packet);
  }

  #sendProbes(): void {
    for (const [, { to, ttl, ...probe }] of this.#book.probes(this.#pair.now)) {
      this.#send(to, { type: 'probe', probe }, ttl);
    }
  }

  /** One turn of the client's loop: inspects WireGuard where that is due, sends probes, and waits. */
  #turn(): void {
    if (this.#isBusy || !this.#pair.options.clients[this.#index]) {
      return;
    }
    const { now } = this.#pair;
    if (now >= this.#inspectedAt + this.#book.pollInterval(now)) {
      this.#isBusy = true;
      this.#pair.after(this.#wgTime(), () => this.#inspected());
      return;
    }
    this.#sendProbes();
    if (this.#book.peers.get(this.#peerKey)?.needsRelay(now)) {
      this.#pair.askRelay(this.#index);
    }
    const next = Math.max(
      now + 1,
      Math.min(this.#inspectedAt + this.#book.pollInterval(now), this.#book.nextAt(now)),
    );
    this.#turnAt = next;
    this.#pair.after(next - now, () => {
      if (this.#turnAt === next) {
        this.#turn();
      }
    });
  }

  #wgTime(): number {
    return this.#pair.random() * this.#pair.options.wgMs;
  }

  #inspected(): void {
    const { now } = this.#pair;
    const device = { publicKey: this.#ownKey, listenPort: 51820, fwmark: 0 };
    const peers = [this.wireguard.peer];
    const changes = this.#book.read({ ...device, peers }, now, WALL + now);
    const track = this.#book.peers.get(this.#peerKey);
    if (this.#learned !== undefined) {
      track?.answered([this.#learned]);
    } else if (this.#isLast) {
      track?.answered('unknown');
    }
    this.#inspectedAt = now;
    const done = (): void => {
      this.#isBusy = false;
      this.#turn();
    };
    if (changes.length === 0) {
      done();
      return;
    }
    this.#pair.after(this.#wgTime(), () => {
      for (const change of changes) {
        this.wireguard.set(change);
      }
      done();
    });
  }

  #traffic(): void {
    this.wireguard.userPacket();
    this.#pair.after(1000, () => this.#traffic());
  }
}

/** What matters here of WireGuard, for one peer (noise.c, timers.c, send.c of the kernel module). */
class SimulatedWireGuard {
  readonly publicKey: Peer['publicKey'];
  readonly #pair: SimulatedPair;
  readonly #index: 0 | 1;
  readonly #send: (to: Endpoint, packet: Packet) => void;
  #endpoint: Endpoint | undefined;
  #keepalive = 0;
  /** The number of the own initiation that may still be answered. */
  #initiation: number | undefined;
  #lastSentAt = Number.NEGATIVE_INFINITY;
  /** A responder's session is confirmed by the first data packet. */
  #isResponder = false;
  #receivedBytes = 0;
  #latestHandshakeMs = 0;
  #incarnation = 0;

  constructor(
    pair: SimulatedPair,
    index: 0 | 1,
    key: Peer['publicKey'],
    send: (to: Endpoint, packet: Packet) => void,
  ) {
    this.#pair = pair;
    this.#index = index;
    this.publicKey = key;
    this.#send = send;
    if (pair.options.keepalives[index]) {
      this.#keepalive = KEEPALIVE_SECONDS;
      pair.after(0, () => this.#initiate());
    }
  }

  get peer(): Peer {
    return {
      publicKey: this.publicKey,
      endpoint: this.#endpoint,
      allowedIps: ['10.0.0.2/32'],
      latestHandshakeMs: this.#latestHandshakeMs,
      receivedBytes: this.#receivedBytes,
      sentBytes: 0,
      persistentKeepalive: this.#keepalive,
    };
  }

  get #isConnected(): boolean {
    return this.#pair.connectedAt[this.#index] !== undefined;
  }

  set({ endpoint, persistentKeepalive, keepaliveNow, replace }: PeerConfig): void {
    if (replace !== undefined) {
      this.#incarnation++;
      this.#initiation = undefined;
      this.#lastSentAt = Number.NEGATIVE_INFINITY;
      this.#isResponder = false;
      this.#receivedBytes = 0;
      this.#keepalive = 0;
    }
    this.#endpoint = endpoint ?? this.#endpoint;
    const before = keepaliveNow ? 0 : this.#keepalive;
    this.#keepalive = persistentKeepalive ?? this.#keepalive;
    if (before === 0 && this.#keepalive > 0) {
      this.userPacket();
    }
  }

  /** A packet for the peer: data in a session, else the reason for a handshake. */
  userPacket(): void {
    if (this.#isConnected) {
      this.#transmit({ type: 'data' });
    } else {
      this.#initiate();
    }
  }

  receive(source: Endpoint, packet: Exclude<Packet, { type: 'probe' }>): void {
    switch (packet.type) {
      case 'initiation':
        this.#endpoint = source;
        this.#receivedBytes += 148;
        // The one handshake state: an own initiation under way is forgotten.
        this.#initiation = undefined;
        this.#isResponder = true;
        this.#lastSentAt = this.#pair.now;
        this.#transmit({ type: 'response', handshake: packet.handshake });
        break;
      case 'response':
        if (packet.handshake === this.#initiation) {
          this.#initiation = undefined;
          this.#endpoint = source;
          this.#receivedBytes += 92;
          this.#connected();
          this.#transmit({ type: 'data' });
        }
        break;
      case 'data':
        if (this.#isResponder && !this.#isConnected) {
          this.#receivedBytes += 32;
          this.#connected();
        }
        break;
    }
  }

  #connected(): void {
    this.#latestHandshakeMs = WALL + Math.floor(this.#pair.now / 1000) * 1000;
    this.#pair.connectedAt[this.#index] ??= this.#pair.now;
  }

  /** wg_packet_send_handshake_initiation: counts as sent if there is no endpoint, too. */
  #initiate(): void {
    const { now } = this.#pair;
    if (this.#isConnected || now < this.#lastSentAt + REKEY_TIMEOUT_MS) {
      return;
    }
    this.#lastSentAt = now;
    this.#initiation = this.#index + 2 * Math.floor(now * 1000) + 1;
    if (this.#endpoint !== undefined) {
      const isByRelay = sameEndpoint(this.#endpoint, RELAY);
      this.#pair.initiations.push({ side: this.#index, at: now, isByRelay });
    }
    this.#transmit({ type: 'initiation', handshake: this.#initiation });
    const incarnation = this.#incarnation;
    this.#pair.after(REKEY_TIMEOUT_MS + this.#pair.random() * REKEY_JITTER_MS, () => {
      if (incarnation === this.#incarnation) {
        this.#initiate();
      }
    });
  }

  #transmit(packet: Packet): void {
    if (this.#endpoint !== undefined) {
      this.#send(this.#endpoint, packet);
    }
  }
}
