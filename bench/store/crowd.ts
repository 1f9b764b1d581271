import { setTimeout as delay } from 'node:timers/promises';
import { generateKeyPair } from '../../src/sealed/key-pair.js';
import { TimerWheel } from '../../src/server/sealed/timer-wheel.js';
import { type BatchSocket, openBatchSocket } from '../../src/socket/batch-socket.js';
import {
  ADDRESS_BYTES,
  ADDRESS_WORDS,
  type DatagramBatch,
  LOCAL_WORD,
  NO_REPLY,
  PORT_WORD,
} from '../../src/socket/datagram-batch.js';
import { parsePublicKey } from '../../src/wire/key.js';
import { CheapHandshakes } from './cheap-handshakes.js';
import { Member, type Server } from './member.js';
import { clientAt, placeText, writePlace } from './places.js';

const RECEIVE_BUFFER = 8 * 1024 * 1024;
const TICK_MS = 5;
/** The wheel's ticks are of 50 units: of so many in a millisecond, so that clients do not come in bursts. */
const UNITS_PER_MS = 10;
const LOCAL_AT = 4 * LOCAL_WORD;
const SERVER_ADDRESS = Uint8Array.of(127, 0, 0, 1);
/** Peers that each client wants: as many on each side of it, in a ring. */
const NEIGHBOURS = [-2, -1, 1, 2] as const;
/** Of the clients that appear later, so that no two want each other: one of so many. */
const HELD_EVERY = 5;
/** After the last change, for news that are late. */
const CHANGE_GRACE_MS = 3000;

export interface CrowdOptions {
  /** Base64 keys. Clients take turns with them. */
  readonly servers: readonly { readonly port: number; readonly key: string }[];
  /** Number of the first client, and clients, a multiple of the servers. */
  readonly first: number;
  readonly count: number;
  /** Whether some clients do not join with the others, but appear later. */
  readonly holds: boolean;
  readonly pingMs: number;
  /**
   * Clients without a session that are let loose at a time: the others wait, so that answers do not come too late
   * because the generator is behind.
   */
  readonly window: number;
}

/** Datagrams and their bytes, without headers of IP and UDP. */
export interface Traffic {
  sent: number;
  sentBytes: number;
  received: number;
  receivedBytes: number;
}

/** The times in ms from a change to its news at each peer, and how many of them never came. */
export interface ChangeTimes {
  readonly moved: readonly number[];
  readonly appeared: readonly number[];
  readonly missing: number;
}

/** A change of a client of which its peers are to get news. */
interface Change {
  readonly beganAt: number;
  readonly place: string;
  readonly missing: Set<Member>;
  readonly times: number[];
}

/**
 * Clients of one process over one socket. They form a ring: each wants its two neighbours on both sides, which are
 * clients of other servers where there are four of these.
 */
export class Crowd {
  readonly traffic: Traffic = { sent: 0, sentBytes: 0, received: 0, receivedBytes: 0 };
  private readonly members: Member[] = [];
  private readonly byName = new Map<string, Member>();
  private readonly wanted = new Map<Member, Member[]>();
  private readonly held: Member[] = [];
  private readonly joining = new Set<Member>();
  /** Those that wait until fewer are joining. */
  private readonly paused = new Set<Member>();
  private readonly wheel = new TimerWheel<Member>(UNITS_PER_MS * performance.now());
  /** By the name of the client that changes. */
  private readonly changes = new Map<string, Change>();
  private readonly answers: number[] = [];
  private queued = 0;

  static async open(options: CrowdOptions): Promise<Crowd> {
    let crowd: Crowd | undefined;
    const socket = await openBatchSocket({
      implementation: 'native',
      family: 4,
      address: '0.0.0.0',
      port: 0,
      receiveBufferBytes: RECEIVE_BUFFER,
      onBatch: (batch, count) => crowd?.receive(batch, count),
    });
    crowd = new Crowd(socket, options);
    return crowd;
  }

  private constructor(
    private readonly socket: BatchSocket,
    private readonly options: CrowdOptions,
  ) {
    const cheap = new CheapHandshakes();
    const servers = options.servers.map(({ port, key }): Server => {
      const publicKey = parsePublicKey(key);
      cheap.addServer(publicKey);
      return { port, key: publicKey };
    });
    const keys = Array.from({ length: options.count }, () => generateKeyPair());
    for (const [i, pair] of keys.entries()) {
      cheap.addClient(pair.publicKey);
      const member = new Member({
        number: options.first + i,
        keys: pair,
        server: servers[i % servers.length]!,
        pingMs: options.pingMs,
        send: (from, message) => this.send(from, message),
        updated: (of, name) => this.updated(of, name),
      });
      this.members.push(member);
      this.byName.set(member.name, member);
    }
    cheap.install();
    for (const [i, member] of this.members.entries()) {
      const at = (distance: number) => (i + distance + options.count) % options.count;
      const peers = NEIGHBOURS.map((distance) => this.members[at(distance)]!);
      this.wanted.set(member, peers);
      const publicKeys = NEIGHBOURS.map(
        (distance, n) => [peers[n]!.name, { publicKey: keys[at(distance)]!.publicKey }] as const,
      );
      member.join(new Map(publicKeys));
      if (options.holds && i % HELD_EVERY === 0) {
        this.held.push(member);
      }
    }
    setInterval(() => this.tick(), TICK_MS);
  }

  /** Registers all clients that are not held back, and spreads their pings. */
  async join(): Promise<void> {
    const held = new Set(this.held);
    const members = this.members.filter((one) => !held.has(one));
    for (const member of members) {
      this.paused.add(member);
    }
    while (members.some(({ answeredAt }) => answeredAt === undefined)) {
      this.resume();
      await delay(TICK_MS);
    }
    for (const member of members) {
      this.spread(member);
    }
  }

  /** The part of the pairs of clients that have joined of which each knows the other. */
  get known(): number {
    let pairs = 0;
    let known = 0;
    for (const [member, peers] of this.wanted) {
      for (const peer of peers) {
        if (member.answeredAt !== undefined && peer.answeredAt !== undefined) {
          pairs++;
          known += member.client.update(peer.name)?.ipv4 === undefined ? 0 : 1;
        }
      }
    }
    return pairs === 0 ? 0 : known / pairs;
  }

  /** Lets clients move, and those that were held back appear, at random. */
  async change(perSecond: number, seconds: number): Promise<ChangeTimes> {
    const changing = shuffled(this.members).slice(0, Math.round(perSecond * seconds));
    const moved: number[] = [];
    const appeared: number[] = [];
    const began = performance.now();
    for (const [i, member] of changing.entries()) {
      await delay(began + (i * 1000) / perSecond - performance.now());
      this.beginChange(member, moved, appeared);
    }
    await delay(CHANGE_GRACE_MS);
    let missing = 0;
    for (const change of this.changes.values()) {
      missing += change.missing.size;
    }
    this.changes.clear();
    return { moved, appeared, missing };
  }

  /**
   * Asks so often for an answer, each time as another client that has a session, until `stop` aborts. As that
   * moves their pings, it spreads them again.
   */
  async ask(perSecond: number, stop: AbortSignal): Promise<void> {
    for (let due = performance.now(); !stop.aborted; due += 1000 / perSecond) {
      await delay(due - performance.now());
      const ready = this.members.filter(
        ({ answeredAt, askedAt }) => answeredAt !== undefined && askedAt === undefined,
      );
      const member = ready[Math.floor(Math.random() * ready.length)];
      if (member !== undefined) {
        member.ask(performance.now(), Date.now());
        this.flush();
        this.schedule(member);
      }
    }
    for (const member of this.members) {
      this.spread(member);
    }
  }

  /** Takes out how long answers took, in ms, and how many are still awaited. */
  takeAnswers(): { readonly tookMs: readonly number[]; readonly awaited: number } {
    const awaited = this.members.filter(({ askedAt }) => askedAt !== undefined).length;
    return { tookMs: this.answers.splice(0), awaited };
  }

  /** The server is gone: from now on none of them has a session that counts. */
  forget(): void {
    for (const member of this.members) {
      member.answeredAt = undefined;
      member.askedAt = undefined;
    }
    this.answers.length = 0;
  }

  /** When each client that has a session was answered in it for the first time, in ms. */
  get answeredAt(): readonly number[] {
    return this.members.flatMap(({ answeredAt }) => answeredAt ?? []);
  }

  private begin(member: Member): void {
    member.work(performance.now(), Date.now());
    this.flush();
    this.schedule(member);
  }

  private schedule(member: Member): void {
    this.wheel.schedule(member, UNITS_PER_MS * member.nextAt);
  }

  /** Lets those go on that waited, as far as others have joined. */
  private resume(): void {
    for (const member of this.joining) {
      if (member.answeredAt !== undefined) {
        this.joining.delete(member);
      }
    }
    for (const member of this.paused) {
      if (this.joining.size >= this.options.window) {
        return;
      }
      this.paused.delete(member);
      this.joining.add(member);
      this.begin(member);
    }
  }

  private spread(member: Member): void {
    member.spreadAt = performance.now() + Math.random() * this.options.pingMs;
    this.schedule(member);
  }

  private beginChange(member: Member, moved: number[], appeared: number[]): void {
    const isMove = member.answeredAt !== undefined;
    const beganAt = performance.now();
    if (isMove) {
      member.hasMoved = true;
      member.client.refresh();
    }
    const place = placeText(member.number, isMove);
    const peers = this.wanted.get(member)!.filter(({ answeredAt }) => answeredAt !== undefined);
    const times = isMove ? moved : appeared;
    this.changes.set(member.name, { beganAt, place, missing: new Set(peers), times });
    this.begin(member);
  }

  private updated(of: Member, name: string): void {
    const change = this.changes.get(name);
    if (change?.missing.has(of) && of.client.update(name)?.ipv4?.address === change.place) {
      change.missing.delete(of);
      change.times.push(performance.now() - change.beganAt);
    }
  }

  private tick(): void {
    const now = performance.now();
    const wallNow = Date.now();
    this.wheel.advance(UNITS_PER_MS * now, Number.POSITIVE_INFINITY, (member) => {
      if (member.answeredAt === undefined && !this.joining.has(member)) {
        this.paused.add(member);
      } else {
        member.work(now, wallNow);
        this.schedule(member);
      }
    });
    this.resume();
    this.flush();
  }

  private receive(batch: DatagramBatch, count: number): void {
    const now = performance.now();
    const wallNow = Date.now();
    for (let slot = 0; slot < count; slot++) {
      const length = batch.lengths[slot]!;
      batch.lengths[slot] = NO_REPLY;
      const number = clientAt(batch.addressBytes, slot * ADDRESS_BYTES + LOCAL_AT);
      const member = this.members[number - this.options.first];
      if (member === undefined || length > batch.stride) {
        continue;
      }
      this.traffic.received++;
      this.traffic.receivedBytes += length;
      const at = slot * batch.stride;
      const tookMs = member.receive(batch.payload.subarray(at, at + length), now, wallNow);
      if (tookMs !== undefined) {
        this.answers.push(tookMs);
      }
      this.schedule(member);
    }
    this.flush();
  }

  private send({ number, hasMoved, server }: Member, message: Uint8Array): void {
    const { outgoing } = this.socket;
    const slot = this.queued++;
    outgoing.payload.set(message, slot * outgoing.stride);
    outgoing.lengths[slot] = message.length;
    outgoing.addressBytes.set(SERVER_ADDRESS, slot * ADDRESS_BYTES);
    outgoing.addresses[slot * ADDRESS_WORDS + PORT_WORD] = server.port;
    writePlace(outgoing.addressBytes, slot * ADDRESS_BYTES + LOCAL_AT, number, hasMoved);
    this.traffic.sent++;
    this.traffic.sentBytes += message.length;
    if (this.queued === outgoing.capacity) {
      this.flush();
    }
  }

  private flush(): void {
    this.socket.flush(this.queued);
    this.queued = 0;
  }
}

/** In random order (Fisher and Yates). */
function shuffled<T>(all: readonly T[]): T[] {
  const mixed = [...all];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
  }
  return mixed;
}
