import type { Source } from '../../limits/source.js';
import { SourceShare } from '../../limits/source-share.js';
import type { Family } from '../../wire/endpoint.js';
import { wantParts } from '../../wire/sealed-frames.js';
import type { RelayHandler } from '../relay/relay-handler.js';
import type { RemotePeer } from '../store/remote-peer.js';
import { ClientRecord, keyText, Want } from './client-record.js';
import { ProvenPath } from './proven-path.js';
import { RelayRequests } from './relay-requests.js';
import type { SealedSizes } from './sealed-counts.js';

export interface DirectoryOptions {
  readonly maxClients: number;
  /** Peers that one client may want. */
  readonly maxWanted: number;
  /** Wants, and sealed candidates, of all clients together. */
  readonly maxWants: number;
  readonly maxCandidates: number;
  /** The most of each that one source can hold; see SourceShare. */
  readonly sourceShare: number;
  /** @default the server does not relay */
  readonly relay?: RelayHandler<Want> | undefined;
}

/** Receives the changes that the servers of a store share; see docs/operations.md, "Several servers, one store". */
export interface DirectoryWatcher {
  /** A client is registered, somewhere else than before, or in a new session. */
  placed(client: ClientRecord): void;
  /** A client wants another peer; it does not want one any more. */
  wanted(want: Want): void;
  unwanted(want: Want): void;
  /** A client's want list is complete. */
  listed(client: ClientRecord): void;
  /** The owner of a want has other candidates for the peer. */
  offered(want: Want): void;
  /** The peer of a want has left this server, or does not want the owner any more. */
  parted(want: Want): void;
  /** A client is about to be removed. */
  forgotten(client: ClientRecord): void;
}

/** The peers of a client are informed of its moves within one family no more often than this. */
export const MOVE_INTERVAL_MS = 1000;

/**
 * The clients, their paths, their want lists and the local candidates they send each other; and which
 * of them have updates to receive. A client's endpoints are disclosed only between clients that want each
 * other. Keys are texts; see keyText.
 */
export class Directory {
  /** Clients with updates that may be sent now. */
  readonly ready = new Set<ClientRecord>();
  private readonly byKey = new Map<string, ClientRecord>();
  private readonly clientShare: SourceShare;
  private readonly wantShare: SourceShare;
  private readonly candidateShare: SourceShare;
  /** Gives pairs relay ports. */
  readonly relays: RelayRequests;
  /** Set if the server shares its clients with others. */
  watcher: DirectoryWatcher | undefined;
  private wantCount = 0;
  private candidateCount = 0;

  constructor(private readonly options: DirectoryOptions) {
    const { maxClients, maxWants, maxCandidates, sourceShare } = options;
    this.clientShare = new SourceShare(sourceShare, maxClients);
    this.wantShare = new SourceShare(sourceShare, maxWants);
    this.candidateShare = new SourceShare(sourceShare, maxCandidates);
    this.relays = new RelayRequests(options.relay, (want) => this.update(want));
  }

  /** The most parts of a want list. */
  get maxListParts(): number {
    return wantParts(this.options.maxWanted);
  }

  /** Clients, with those that have not registered yet; their wants and sealed candidates. */
  get sizes(): Omit<SealedSizes, 'sessions'> {
    const { byKey, wantCount, candidateCount } = this;
    return { clients: byKey.size, wants: wantCount, candidates: candidateCount };
  }

  /** All clients; a client may be removed during iteration. */
  get clients(): Iterable<ClientRecord> {
    return this.byKey.values();
  }

  find(key: string): ClientRecord | undefined {
    return this.byKey.get(key);
  }

  /** Registers a new client; undefined when there is no room for one of this source. */
  add(key: string, source: Source): ClientRecord | undefined {
    if (!this.clientShare.admits(source)) {
      return undefined;
    }
    this.clientShare.add(source);
    const client = new ClientRecord(key, source);
    this.byKey.set(key, client);
    return client;
  }

  /**
   * Counts a client that is not registered yet against the source that it is heard from, where that has
   * room: a replayed initiation may have brought it. A client with wants stays where those count.
   */
  charge(client: ClientRecord, source: Source): void {
    if (client.wants.size === 0 && this.clientShare.admits(source)) {
      this.clientShare.remove(client.source);
      this.clientShare.add(source);
      client.source = source;
    }
  }

  /** Removes a client and its want list, and updates its peers. */
  forget(client: ClientRecord): void {
    this.watcher?.forgotten(client);
    client.isGone = true;
    client.paths[4] = undefined;
    client.paths[6] = undefined;
    for (const want of client.wants.values()) {
      this.withdraw(want, true);
    }
    client.wants.clear();
    this.ready.delete(client);
    this.byKey.delete(client.key);
    this.clientShare.remove(client.source);
  }

  /**
   * A client was heard from a proven source. If that is new its peers are updated: at once, or at
   * client.tellAt, because one datagram that moves a client may cost one for each of its peers.
   * @param isProvisional it was heard by a handshake only, which shows an endpoint but not that the client
   *   is still there
   */
  hear(
    client: ClientRecord,
    family: Family,
    addresses: Uint32Array,
    addressAt: number,
    socket: number,
    now: number,
    isProvisional = false,
  ): void {
    const { scope } = client;
    const path = client.paths[family];
    if (path?.isFrom(addresses, addressAt)) {
      if (!isProvisional || path.isProvisional) {
        path.hear(addresses, addressAt, socket, now);
        if (path.isProvisional && !isProvisional) {
          this.watcher?.placed(client);
        }
        path.isProvisional = isProvisional;
      }
      return;
    }
    const moved = new ProvenPath(family, addresses, addressAt, socket, now);
    moved.isProvisional = isProvisional;
    moved.forgeriesFullAt = path?.forgeriesFullAt ?? 0;
    client.paths[family] = moved;
    const mayTellAt = client.moveToldAt[family] + MOVE_INTERVAL_MS;
    if (path === undefined) {
      this.updatePeersOf(client);
    } else if (mayTellAt <= now) {
      client.moveToldAt[family] = now;
      this.updatePeersOf(client);
    } else {
      client.tellAt = Math.min(client.tellAt, mayTellAt);
    }
    if (scope !== undefined && scope !== client.scope) {
      this.updateOwner(client);
    }
  }

  /** Updates the peers of a client about the moves that were put off. */
  tellMoves(client: ClientRecord, now: number): void {
    client.tellAt = Number.POSITIVE_INFINITY;
    client.moveToldAt[4] = now;
    client.moveToldAt[6] = now;
    this.updatePeersOf(client);
  }

  /** Drops the paths that have ended at `now` (ms); the caller removes a client without any. */
  dropPaths(client: ClientRecord, now: number, ttlMs: number): void {
    if (client.dropPaths(now, ttlMs)) {
      this.updatePeersOf(client);
    }
  }

  /** A newer want list of a client begins. Until it ends, the wants of the list before it stay. */
  beginList(client: ClientRecord): void {
    client.listMark = (client.listMark + 1) >>> 0;
  }

  /** Marks a want of the client, if there is one for the key, as part of its newest list. */
  keepWant(client: ClientRecord, key: string): void {
    const want = client.wants.get(key);
    if (want !== undefined) {
      want.listMark = client.listMark;
    }
  }

  /** A client's newest want list is complete: wants that are not in it are withdrawn. */
  endList(client: ClientRecord): void {
    for (const want of client.wants.values()) {
      if (want.listMark !== client.listMark) {
        client.wants.delete(want.key);
        this.watcher?.unwanted(want);
        this.withdraw(want, false);
      }
    }
    client.listSession = client.sessionNumber;
    this.watcher?.listed(client);
  }

  /**
   * Adds a key to the want list of a client; if that is mutual now, the peer is updated.
   * @returns undefined when it is not kept, because there is no room or it is the client's own key
   */
  want(client: ClientRecord, key: string): Want | undefined {
    const known = client.wants.get(key);
    if (known !== undefined) {
      known.listMark = client.listMark;
      return known;
    }
    const hasRoom =
      client.wants.size < this.options.maxWanted && this.wantShare.admits(client.source);
    if (key === client.key || !hasRoom) {
      return undefined;
    }
    const peer = this.byKey.get(key);
    const reverse = peer?.wants.get(client.key);
    // One text names the peer in all maps; the caller's may be a part of a longer one.
    const want = new Want(client, peer?.key ?? copyText(key), client.listMark);
    client.wants.set(want.key, want);
    this.wantShare.add(client.source);
    this.wantCount++;
    if (reverse !== undefined) {
      want.reverse = reverse;
      reverse.reverse = want;
      this.relays.matched(want);
      this.update(reverse);
    }
    this.watcher?.wanted(want);
    return want;
  }

  /**
   * Keeps the local candidates of a client for a peer, where the two want each other and there is room.
   * @param bytes which are sealed to the peer; they are copied
   * @param counter of the message in the client's current session
   * @returns false when it is older than the one before, and so ignored
   */
  putCandidates(client: ClientRecord, key: string, bytes: Uint8Array, counter: number): boolean {
    const want = client.wants.get(key);
    const { reverse } = want ?? {};
    const isMutual = reverse !== undefined || want?.remotes !== undefined;
    if (want === undefined || !isMutual) {
      return true;
    }
    const session = client.sessionNumber;
    const { candidates } = want;
    if (candidates !== undefined) {
      if (candidates.session === session && candidates.counter > counter) {
        return false;
      }
      candidates.session = session;
      candidates.counter = counter;
      if (Buffer.compare(candidates.bytes, bytes) !== 0) {
        candidates.bytes = Uint8Array.from(bytes);
        this.offer(want);
      }
    } else if (this.candidateShare.admits(client.source)) {
      this.candidateShare.add(client.source);
      this.candidateCount++;
      want.candidates = { bytes: Uint8Array.from(bytes), session, counter };
      this.offer(want);
    }
    return true;
  }

  /** The session of a client that was opened last took over. */
  tookOver(client: ClientRecord): void {
    this.relays.restart(client);
    client.isElsewhere = false;
    this.watcher?.placed(client);
  }

  /**
   * Sets what other servers know of the peer of a want.
   * @param isNews whether the owner of the want gets an update
   */
  setRemotes(want: Want, remotes: readonly RemotePeer[], isNews: boolean): void {
    want.remotes = remotes.length === 0 ? undefined : remotes;
    if (want.reverse === undefined && remotes.length === 0) {
      this.removeCandidates(want);
    }
    if (isNews) {
      this.update(want);
    }
  }

  /** The peers of a client that want it as well get an update about it. */
  refresh(client: ClientRecord): void {
    for (const { reverse } of client.wants.values()) {
      if (reverse !== undefined) {
        this.update(reverse);
      }
    }
  }

  private offer(want: Want): void {
    if (want.reverse !== undefined) {
      this.update(want.reverse);
    }
    this.watcher?.offered(want);
  }

  /** The owner of a want has an update about its peer: to be sent now, or after the push under way. */
  private update(want: Want): void {
    if (want.push !== undefined) {
      want.isStale = true;
      return;
    }
    want.owner.pushes.updates.add(want);
    this.ready.add(want.owner);
  }

  private updatePeersOf(client: ClientRecord): void {
    this.watcher?.placed(client);
    this.refresh(client);
  }

  /** The client moved to where it can reach other endpoints than before. */
  private updateOwner(client: ClientRecord): void {
    for (const want of client.wants.values()) {
      if (want.reverse !== undefined || want.remotes !== undefined) {
        this.update(want);
      }
    }
  }

  /** @param isLeaving the owner of the want has left */
  private withdraw(want: Want, isLeaving: boolean): void {
    const { owner, reverse } = want;
    this.relays.parted(want, isLeaving);
    this.relays.forget(want);
    this.removeCandidates(want);
    if (reverse !== undefined) {
      this.removeCandidates(reverse);
      reverse.reverse = undefined;
      this.update(reverse);
      this.watcher?.parted(reverse);
    }
    owner.pushes.updates.delete(want);
    // A push may still list the want, which no longer belongs to it.
    want.push = undefined;
    want.reverse = undefined;
    this.wantShare.remove(owner.source);
    this.wantCount--;
  }

  private removeCandidates(want: Want): void {
    if (want.candidates !== undefined) {
      want.candidates = undefined;
      this.candidateShare.remove(want.owner.source);
      this.candidateCount--;
    }
  }
}

function copyText(key: string): string {
  return keyText(Buffer.from(key, 'latin1'));
}
