import { SEALED_CANDIDATES_LENGTH } from '../../wire/sealed-frames.js';
import { compareTai64n } from '../../wire/tai64n.js';
import type { AllowList } from '../sealed/allow-list.js';
import type { ClientRecord, Want } from '../sealed/client-record.js';
import type { Directory, DirectoryWatcher } from '../sealed/directory.js';
import {
  ENTRIES_PER_COMMAND,
  type ScriptCommand,
  type Sharer,
  type StoreCommand,
  takeEntries,
} from './commands.js';
import { isSameSide, otherSide } from './consent.js';
import {
  clientEntry,
  decodeMessage,
  decodeRegistration,
  encodeRegistration,
  type News,
  type Registration,
  SERVER_ID_LENGTH,
  SERVERS_CHANNEL,
} from './entries.js';
import { OutgoingNews } from './outgoing-news.js';
import { isOver, type RemotePeer, RemoteServer } from './remote-peer.js';
import type { StoreCounts } from './store-counts.js';
import type { WriteGate } from './write-gate.js';

/** How often a server announces itself, and after what silence it counts as gone. */
export const ANNOUNCE_MS = 2000;
export const SILENT_MS = 15_000;

/** Limits: other servers, and registrations of one peer with them. */
const MAX_SERVERS = 1024;
const MAX_REMOTES = 4;
/** Limit on candidates from other servers; the same as for the clients of this one. */
const MAX_CANDIDATES = 65_536;
/** Limit on entries waiting to be removed; the others expire. */
const MAX_REMOVALS = 65_536;

/** Wants of one write: each is a short pause of the store. */
const WANTS_PER_WRITE = 256;

/** Limit on clients and wants checked in one step of 50 ms. */
const VISITS = 4096;
/** All wants with remote peers are checked in this time, as far as VISITS allows (400 000). */
const SWEEP_MS = 5000;
/** Each client's entry is extended four times in its time to live. */
const REFRESHES_PER_TTL = 4;

const NO_BYTES = new Uint8Array(0);

/** What the store holds about a client. */
class Shared {
  /** The connection with the store in which it was written; in a new one all of it is written again. */
  epoch = -1;
  needsAll = true;
  /** A write is under way; the client changed since. */
  isWriting = false;
  isStale = false;
  /** Wants that the store lacks or has with other candidates; keys of those to remove from it. */
  readonly changed = new Set<Want>();
  readonly removed = new Set<string>();
  /** Wants to look up after the next write. */
  readonly lookups = new Set<Want>();
  /** A server that had an older registration and has yet to be notified. */
  older: string | undefined;
  /** A newer registration that may be replaced, because its server is gone. */
  replaceable = '';
}

export interface SealedSharingOptions {
  /** The name of this run of the server; see SERVER_ID_LENGTH. */
  readonly server: string;
  readonly ttlMs: number;
  readonly counts: StoreCounts;
  /** The keys that may register here, and so may be reported to clients of this server. */
  allow(): AllowList | undefined;
  readonly gate: WriteGate;
}

/**
 * Shares the clients of a directory with other servers. Each writes its own clients and their want lists into the
 * store and then looks up the peers that they want; so of two servers that do so at once, one at least finds the
 * other's entry. It tells the other about the pair by a message, and both keep each other informed of every
 * change. Pending work is kept as the difference from what the store has, never as a queue of events: it is no
 * larger than the directory, and after an interruption everything differs.
 */
export class SealedSharing implements DirectoryWatcher, Sharer {
  private isUp = false;
  private epoch = 0;
  private upSince = 0;
  private announcedAt = Number.NEGATIVE_INFINITY;
  private readonly shared = new Map<ClientRecord, Shared>();
  private readonly servers = new Map<string, RemoteServer>();
  /** Wants with remote peers. */
  private readonly matched = new Set<Want>();
  private candidateCount = 0;
  /** Clients to write, wants to look up, wants whose other servers to notify, keys to remove. */
  private readonly dirty = new Set<ClientRecord>();
  /** Clients to write once the store accepts writes again. */
  private readonly held = new Set<ClientRecord>();
  private readonly lookups = new Set<Want>();
  private readonly untold = new Set<Want>();
  private readonly removals = new Set<string>();
  private readonly news: OutgoingNews;
  private readonly gate: WriteGate;
  private refreshes: Iterator<[ClientRecord, Shared]> | undefined;
  private sweep: Iterator<Want> | undefined;
  private sweepDebt = 0;
  private visitedAt: number | undefined;
  private refreshDebt = 0;
  private readonly refreshDue: [ClientRecord, Shared][] = [];

  constructor(
    private readonly directory: Directory,
    private readonly options: SealedSharingOptions,
  ) {
    this.news = new OutgoingNews(options.server, options.counts);
    this.gate = options.gate;
    directory.watcher = this;
  }

  get queued(): number {
    const { dirty, held, lookups, untold, removals, news } = this;
    return dirty.size + held.size + lookups.size + untold.size + removals.size + news.size;
  }

  get sizes(): { readonly servers: number; readonly remotePeers: number } {
    return { servers: this.servers.size, remotePeers: this.matched.size };
  }

  // From the directory.

  placed(client: ClientRecord): void {
    if (!this.isUp) {
      return;
    }
    this.dirty.add(client);
    for (const want of client.wants.values()) {
      if (want.remotes !== undefined) {
        this.untold.add(want);
      }
    }
  }

  wanted(want: Want): void {
    if (this.isUp) {
      const shared = this.sharedOf(want.owner);
      shared.removed.delete(want.key);
      shared.changed.add(want);
      this.dirty.add(want.owner);
      if (mayBeElsewhere(want)) {
        shared.lookups.add(want);
      }
    }
  }

  unwanted(want: Want): void {
    this.leave(want);
    this.lookups.delete(want);
    const shared = this.shared.get(want.owner);
    if (this.isUp && shared !== undefined) {
      shared.changed.delete(want);
      shared.lookups.delete(want);
      shared.removed.add(want.key);
      this.dirty.add(want.owner);
    }
  }

  listed(client: ClientRecord): void {
    if (!this.isUp) {
      return;
    }
    this.dirty.add(client);
    const { lookups } = this.sharedOf(client);
    for (const want of client.wants.values()) {
      if (want.reverse === undefined && want.remotes === undefined) {
        lookups.add(want);
      }
    }
  }

  offered(want: Want): void {
    if (this.isUp && want.remotes !== undefined) {
      this.sharedOf(want.owner).changed.add(want);
      this.dirty.add(want.owner);
      this.untold.add(want);
    }
  }

  parted(want: Want): void {
    if (this.isUp && want.remotes === undefined) {
      this.askLater(want);
    }
  }

  forgotten(client: ClientRecord): void {
    for (const want of client.wants.values()) {
      this.leave(want);
      this.lookups.delete(want);
    }
    const shared = this.shared.get(client);
    this.shared.delete(client);
    this.dirty.delete(client);
    this.held.delete(client);
    if (this.isUp && shared?.epoch === this.epoch && this.removals.size < MAX_REMOVALS) {
      this.removals.add(client.key);
    }
  }

  // From the store.

  up(now: number): void {
    this.isUp = true;
    this.epoch++;
    this.upSince = now;
    this.announcedAt = Number.NEGATIVE_INFINITY;
    for (const client of this.directory.clients) {
      if (client.isRegistered) {
        this.dirty.add(client);
      }
    }
  }

  down(now: number): void {
    for (const client of this.shared.keys()) {
      if (client.isElsewhere) {
        client.isElsewhere = false; // as far as this server can know now
        this.directory.refresh(client);
      }
    }
    this.isUp = false;
    this.epoch++;
    for (const server of this.servers.values()) {
      server.heardAt = Math.min(server.heardAt, now);
    }
    // Servers that come back get new objects: what the old ones reported expires.
    this.servers.clear();
    for (const set of [this.dirty, this.held, this.lookups, this.untold, this.removals]) {
      set.clear();
    }
    this.news.clear();
    this.refreshDue.length = 0;
  }

  /** Call this about every 50 ms. */
  tick(now: number): void {
    const elapsed = now - (this.visitedAt ?? now);
    this.visitedAt = now;
    this.sweepDebt += (elapsed * this.matched.size) / SWEEP_MS;
    this.removeOver(now);
    if (this.isUp) {
      this.refreshDebt += (elapsed * this.shared.size * REFRESHES_PER_TTL) / this.options.ttlMs;
      this.collectRefreshes();
    }
  }

  take(room: number, now: number): StoreCommand[] {
    const commands: StoreCommand[] = [];
    if (!this.isUp) {
      return commands;
    }
    if (now - this.announcedAt >= ANNOUNCE_MS) {
      this.announcedAt = now;
      commands.push({ channel: SERVERS_CHANNEL, message: bytesOf(this.options.server) });
    }
    this.tell();
    commands.push(...this.news.take());
    this.takeRemovals(commands);
    this.takeWrites(commands, room, now);
    this.takeLookups(commands, room);
    this.takeRefreshes(commands);
    return commands;
  }

  /** Another server announces itself. */
  announced(message: Uint8Array, now: number): void {
    if (message.length !== SERVER_ID_LENGTH) {
      this.options.counts.malformed++;
      return;
    }
    const server = this.server(textOf(message), now);
    if (server !== undefined) {
      server.heardAt = now;
    }
  }

  /** A message for this server. */
  receive(message: Uint8Array, now: number): void {
    const isWhole = decodeMessage(message, (news, server) => {
      this.options.counts.newsReceived++;
      this.hear(news, server, now);
    });
    if (!isWhole) {
      this.options.counts.malformed++;
    }
  }

  // News.

  private hear(news: News, id: string, now: number): void {
    const server = this.server(id, now);
    if (server === undefined || id === this.options.server) {
      return;
    }
    if (news.kind === 'moved') {
      this.checkMoved(news.from);
      return;
    }
    const want = this.directory.find(news.to)?.wants.get(news.from);
    if (news.kind === 'gone') {
      if (want !== undefined) {
        this.set(want, server, undefined);
      }
      return;
    }
    if (news.registration.server !== id || !this.isAllowed(news.from)) {
      this.options.counts.malformed++;
      return;
    }
    if (want === undefined) {
      if (news.asks) {
        this.news.add(id, { kind: 'gone', from: news.to, to: news.from });
      }
      return;
    }
    const { registration, candidates } = news;
    this.set(want, server, {
      registration,
      candidates,
      isConfirmed: true,
      endsAt: now,
    });
    this.lookups.delete(want);
    if (news.asks) {
      this.tellAbout(want, id, false);
    }
  }

  /** A client has a newer registration elsewhere: its want list there counts for the clients of this server. */
  private checkMoved(key: string): void {
    const client = this.directory.find(key);
    if (client !== undefined) {
      this.options.counts.superseded++;
      this.isElsewhere(client);
    }
  }

  private isElsewhere(client: ClientRecord): void {
    client.isElsewhere = true;
    for (const { reverse } of client.wants.values()) {
      if (reverse !== undefined) {
        this.askLater(reverse);
      }
    }
  }

  private isAllowed(key: string): boolean {
    return this.options.allow()?.has(bytesOf(key)) ?? true;
  }

  private set(
    want: Want,
    server: RemoteServer,
    told: Omit<RemotePeer, 'server' | 'wasAsked'> | undefined,
    isNews = false,
  ): void {
    const others = (want.remotes ?? []).filter((it) => it.server.id !== server.id);
    const remotes = told === undefined ? others : [...others, { ...told, server, wasAsked: false }];
    this.replace(want, remotes.length > MAX_REMOTES ? latest(remotes) : remotes, isNews);
  }

  private replace(want: Want, remotes: readonly RemotePeer[], isNews = false): void {
    const local = this.directory.find(want.key);
    const before = otherSide(want, local);
    this.candidateCount -= countCandidates(want.remotes);
    const kept =
      this.candidateCount + countCandidates(remotes) <= MAX_CANDIDATES
        ? remotes
        : remotes.map((it) => ({ ...it, candidates: undefined }));
    this.candidateCount += countCandidates(kept);
    this.directory.setRemotes(want, kept, false);
    this.directory.setRemotes(want, kept, isNews || !isSameSide(before, otherSide(want, local)));
    if (kept.length === 0) {
      this.matched.delete(want);
      this.untold.delete(want);
    } else {
      this.matched.add(want);
    }
  }

  /** The owner of a want leaves, or drops it: notifies the other servers. */
  private leave(want: Want): void {
    for (const { server } of want.remotes ?? []) {
      if (this.isUp) {
        const { owner, key: to } = want;
        this.news.add(server.id, { kind: 'gone', from: owner.key, to });
      }
    }
    this.candidateCount -= countCandidates(want.remotes);
    this.matched.delete(want);
    this.untold.delete(want);
    want.remotes = undefined;
  }

  private tell(): void {
    for (const want of this.untold) {
      for (const { server } of want.remotes ?? []) {
        this.tellAbout(want, server.id, false);
      }
    }
    this.untold.clear();
  }

  /** Tells another server about the owner of a want; nothing while that has no endpoint. */
  private tellAbout(want: Want, server: string, asks: boolean): void {
    const { owner, key: to } = want;
    if (owner.isRegistered) {
      const registration = this.registrationOf(owner);
      const candidates = want.candidates?.bytes;
      this.news.add(server, { kind: 'here', from: owner.key, to, asks, registration, candidates });
    }
  }

  private registrationOf(client: ClientRecord, hasList = client.hasList): Registration {
    const { current, timestamp, paths } = client;
    const { server } = this.options;
    return { timestamp: current?.timestamp ?? timestamp, server, hasList, places: paths };
  }

  private server(id: string, now: number): RemoteServer | undefined {
    const known = this.servers.get(id);
    if (known !== undefined || this.servers.size >= MAX_SERVERS || !this.isUp) {
      return known;
    }
    const server = new RemoteServer(id, now);
    if (id !== this.options.server) {
      this.servers.set(id, server);
    }
    return server;
  }

  // Writes.

  private sharedOf(client: ClientRecord): Shared {
    const shared = this.shared.get(client) ?? new Shared();
    this.shared.set(client, shared);
    if (shared.epoch !== this.epoch) {
      shared.epoch = this.epoch;
      shared.needsAll = true;
      shared.isWriting = false;
      shared.changed.clear();
      shared.removed.clear();
      shared.lookups.clear();
      shared.older = undefined;
      shared.replaceable = '';
      lookUpAll(client, shared);
    }
    return shared;
  }

  private takeWrites(commands: StoreCommand[], room: number, now: number): void {
    if (this.gate.isOpen) {
      for (const client of this.held) {
        this.dirty.add(client);
      }
      this.held.clear();
    } else if (this.held.size > 0 && this.gate.mayTry(now)) {
      const [client] = this.held;
      this.held.delete(client!);
      const shared = this.sharedOf(client!);
      commands.push(...this.write(client!, shared, now));
      this.release(shared);
    }
    for (const client of this.dirty) {
      if (commands.length >= room) {
        return;
      }
      this.dirty.delete(client);
      const shared = this.sharedOf(client);
      if (!client.isRegistered) {
        continue; // it comes again with its first endpoint
      }
      if (shared.isWriting) {
        shared.isStale = true;
      } else if (this.gate.isOpen) {
        commands.push(...this.write(client, shared, now));
      } else {
        this.held.add(client);
      }
      this.release(shared);
    }
  }

  /** Its lookups may follow: they come after its write, if there is one. */
  private release(shared: Shared): void {
    for (const want of shared.lookups) {
      this.lookups.add(want);
    }
    shared.lookups.clear();
  }

  private write(client: ClientRecord, shared: Shared, now: number): ScriptCommand[] {
    const isAll = shared.needsAll;
    if (isAll && !client.isElsewhere) {
      // Until now the store did not have it, and others that looked it up did not find it.
      lookUpAll(client, shared);
    }
    const wants = [...(isAll ? client.wants.values() : shared.changed)];
    const removed = isAll ? [] : [...shared.removed];
    shared.needsAll = false;
    shared.isWriting = true;
    shared.isStale = false;
    shared.changed.clear();
    shared.removed.clear();
    const parts = Math.max(1, Math.ceil(Math.max(wants.length, removed.length) / WANTS_PER_WRITE));
    return Array.from({ length: parts }, (_, part) => {
      const isLast = part === parts - 1;
      const some = wants.slice(part * WANTS_PER_WRITE, (part + 1) * WANTS_PER_WRITE);
      const out = removed.slice(part * WANTS_PER_WRITE, (part + 1) * WANTS_PER_WRITE);
      const registration = this.registrationOf(client, client.hasList && (isLast || !isAll));
      return {
        script: 'publish',
        keys: [clientEntry(client.key)],
        args: [
          encodeRegistration(registration),
          this.timeToLive(client, now),
          isAll && part === 0 ? 'all' : 'some',
          bytesOf(shared.replaceable),
          out.length,
          ...out.map(bytesOf),
          ...some.flatMap((want) => [bytesOf(want.key), want.candidates?.bytes ?? NO_BYTES]),
        ],
        done: this.inThisEpoch((reply, at) => this.written(client, shared, reply, isLast, at)),
      };
    });
  }

  private written(
    client: ClientRecord,
    shared: Shared,
    reply: unknown,
    isLast: boolean,
    now: number,
  ): void {
    this.gate.note(reply, now);
    if (isLast) {
      shared.isWriting = false;
      if (shared.isStale && !client.isGone) {
        this.dirty.add(client);
      }
    }
    const [outcome, owner] = Array.isArray(reply) ? (reply as unknown[]) : [];
    const id = serverId(owner);
    if (outcome === 0) {
      shared.needsAll = true;
      this.isElsewhere(client);
      return;
    }
    shared.replaceable = '';
    if (outcome !== 1) {
      shared.needsAll = true;
      if (!client.isGone) {
        this.dirty.add(client);
      }
      return;
    }
    this.options.counts.published++;
    if (client.isElsewhere) {
      client.isElsewhere = false;
      this.directory.refresh(client);
      for (const want of remoteWants(client)) {
        this.askLater(want);
      }
    }
    if (id !== undefined) {
      shared.older = id;
    }
    if (isLast && shared.older !== undefined && client.hasList) {
      this.news.add(shared.older, { kind: 'moved', from: client.key });
      shared.older = undefined;
    }
  }

  private timeToLive(client: ClientRecord, now: number): number {
    const ends = [client.paths[4], client.paths[6]].map(
      (path) => path?.endsAt(this.options.ttlMs) ?? 0,
    );
    return Math.max(1, Math.ceil(Math.max(...ends) - now));
  }

  private takeRemovals(commands: StoreCommand[]): void {
    if (this.removals.size === 0) {
      return;
    }
    const keys = [...this.removals].map(clientEntry);
    this.removals.clear();
    for (const some of chunks(keys, ENTRIES_PER_COMMAND)) {
      this.options.counts.removed += some.length;
      const args = [bytesOf(this.options.server)];
      commands.push({ script: 'remove', keys: some, args, done: () => undefined });
    }
  }

  // Lookups.

  private askLater(want: Want): void {
    const { owner } = want;
    if (this.dirty.has(owner) || !owner.isRegistered) {
      this.sharedOf(owner).lookups.add(want);
    } else {
      this.lookups.add(want);
    }
  }

  private takeLookups(commands: StoreCommand[], room: number): void {
    while (this.lookups.size > 0 && commands.length < room) {
      const wants = takeEntries(this.lookups).map(([want]) => want);
      this.options.counts.lookups += wants.length;
      commands.push({
        script: 'lookup',
        keys: wants.map(({ key }) => clientEntry(key)),
        args: wants.map(({ owner }) => bytesOf(owner.key)),
        done: this.inThisEpoch((reply, now) => this.found(wants, reply, now)),
      });
    }
  }

  private found(wants: readonly Want[], reply: unknown, now: number): void {
    if (!Array.isArray(reply)) {
      return;
    }
    for (const [i, want] of wants.entries()) {
      const entry: unknown = reply[2 * i];
      if (entry instanceof Uint8Array && want.owner.wants.get(want.key) === want) {
        this.foundOne(want, entry, reply[2 * i + 1], now);
      }
    }
  }

  private foundOne(want: Want, entry: Uint8Array, field: unknown, now: number): void {
    const { counts, server: own, ttlMs } = this.options;
    const registration = decodeRegistration(entry);
    if (registration === undefined || !this.isAllowed(want.key)) {
      counts.malformed++;
      return;
    }
    const server = this.server(registration.server, now);
    if (registration.server === own || server === undefined) {
      return;
    }
    if (!(field instanceof Uint8Array)) {
      // Where its registration here counted before, the owner was told about it.
      const wasTold = want.reverse?.owner.isElsewhere === true;
      this.set(want, server, undefined, wasTold);
      return;
    }
    const known = want.remotes?.find((it) => it.server === server);
    this.set(want, server, {
      registration,
      candidates: field.length === SEALED_CANDIDATES_LENGTH ? Uint8Array.from(field) : undefined,
      isConfirmed: known?.isConfirmed ?? false,
      endsAt: now + ttlMs,
    });
    this.tellAbout(want, server.id, true);
  }

  // What ends.

  private removeOver(now: number): void {
    this.sweepDebt = Math.min(this.sweepDebt, VISITS, this.matched.size);
    for (; this.sweepDebt >= 1; this.sweepDebt--) {
      this.sweep ??= this.matched.values();
      const { value: want, done } = this.sweep.next();
      if (done) {
        this.sweep = undefined;
        return;
      }
      const { remotes = [], key } = want as Want;
      const isAllowed = this.isAllowed(key); // its key may have been taken off the list
      const left = remotes.filter((it) => isAllowed && !isOver(it, now, this.options.ttlMs));
      if (left.length < remotes.length) {
        this.replace(want as Want, left);
      }
      for (const remote of left) {
        if (this.isUp && !remote.wasAsked && this.isSilent(remote.server.id, now)) {
          remote.wasAsked = true;
          this.askLater(want as Want);
        }
      }
    }
  }

  private isSilent(id: string, now: number): boolean {
    const heardAt = this.servers.get(id)?.heardAt ?? this.upSince;
    return now - heardAt > SILENT_MS;
  }

  private collectRefreshes(): void {
    for (; this.refreshDebt >= 1; this.refreshDebt--) {
      if (this.refreshDue.length >= VISITS) {
        return; // the debt stays
      }
      this.refreshes ??= this.shared.entries();
      const { value, done } = this.refreshes.next();
      if (done) {
        this.refreshes = undefined;
        return;
      }
      const [client, shared] = value as [ClientRecord, Shared];
      if (client.isRegistered && shared.epoch === this.epoch && !this.dirty.has(client)) {
        this.refreshDue.push([client, shared]);
      }
    }
  }

  private takeRefreshes(commands: StoreCommand[]): void {
    const due = this.refreshDue.splice(0).filter(([client]) => !client.isGone);
    for (const some of chunks(due, ENTRIES_PER_COMMAND)) {
      this.options.counts.refreshed += some.length;
      commands.push({
        script: 'refresh',
        keys: some.map(([client]) => clientEntry(client.key)),
        args: [
          bytesOf(this.options.server),
          ...some.map(([client]) => this.timeToLive(client, this.visitedAt ?? 0)),
        ],
        done: this.inThisEpoch((reply, now) => this.refreshed(some, reply, now)),
      });
    }
  }

  private refreshed(clients: readonly [ClientRecord, Shared][], reply: unknown, now: number): void {
    const states: readonly unknown[] = Array.isArray(reply) ? reply : [];
    for (const [i, [client, shared]] of clients.entries()) {
      const state = states[i];
      const owner = serverId(state);
      const isFree = owner !== undefined && this.isSilent(owner, now);
      if ((state === 0 || isFree) && !client.isGone && !shared.isWriting) {
        shared.needsAll = true;
        shared.replaceable = owner ?? '';
        this.dirty.add(client);
      }
    }
  }

  /** A reply counts only in the connection in which its command was sent. */
  private inThisEpoch(
    done: (reply: unknown, now: number) => void,
  ): (reply: unknown, now: number) => void {
    const { epoch } = this;
    return (reply, now) => {
      if (epoch === this.epoch) {
        done(reply, now);
      }
    };
  }
}

/** Whether this server may lack a registration of the peer that counts. */
function mayBeElsewhere({ reverse }: Want): boolean {
  return reverse === undefined || reverse.owner.isElsewhere;
}

/** The wants of a client whose peers may be with another server. */
function remoteWants({ wants }: ClientRecord): Want[] {
  return [...wants.values()].filter((it) => mayBeElsewhere(it) || it.remotes !== undefined);
}

function lookUpAll(client: ClientRecord, { lookups }: Shared): void {
  for (const want of remoteWants(client)) {
    lookups.add(want);
  }
}

function latest(remotes: readonly RemotePeer[]): RemotePeer[] {
  return [...remotes]
    .sort((a, b) => compareTai64n(b.registration.timestamp, 0, a.registration.timestamp, 0))
    .slice(0, MAX_REMOTES);
}

function countCandidates(remotes: readonly RemotePeer[] | undefined): number {
  return remotes?.filter(({ candidates }) => candidates !== undefined).length ?? 0;
}

function serverId(value: unknown): string | undefined {
  return value instanceof Uint8Array && value.length === SERVER_ID_LENGTH
    ? textOf(value)
    : undefined;
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function* chunks<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < all.length; at += size) {
    yield all.slice(at, at + size);
  }
}
