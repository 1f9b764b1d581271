import type { Source } from '../../limits/source.js';
import type { Transport } from '../../sealed/transport.js';
import { FAMILIES, type Family } from '../../wire/endpoint.js';
import type { Scope } from '../../wire/endpoint-scope.js';
import { KEY_LENGTH } from '../../wire/key.js';
import type { RelayRefusal } from '../../wire/sealed-frames.js';
import { TAI64N_LENGTH } from '../../wire/tai64n.js';
import type { Side } from '../relay/allocations.js';
import type { RemotePeer } from '../store/remote-peer.js';
import type { ProvenPath } from './proven-path.js';
import { type Push, Pushes } from './pushes.js';
import type { Timed } from './timer-wheel.js';
import { WantListProgress } from './want-list-progress.js';

/** An authenticated client and its state. */
export class ClientRecord implements Timed {
  /** Belongs to the timer wheel. */
  dueAt = Number.POSITIVE_INFINITY;
  /** Where it was heard, over each family. */
  readonly paths: Record<Family, ProvenPath | undefined> = { 4: undefined, 6: undefined };
  /** Its want list, by the keys of the peers. */
  readonly wants = new Map<string, Want>();
  /** Updates that it has not acknowledged. */
  readonly pushes = new Pushes<Want>();

  /** The latest timestamp of an initiation. */
  readonly timestamp = new Uint8Array(TAI64N_LENGTH);
  /** The session that has taken over; its predecessor, for a while; the one that has yet to. */
  current: ServerSession | undefined;
  previous: ServerSession | undefined;
  next: ServerSession | undefined;
  /** The number of the session that has taken over; each is one higher than the one before. */
  sessionNumber = 0;
  /** Marks the wants of its newest want list; each list has a mark of its own. */
  listMark = 0;
  /** Whether it has a newer registration with another server, which counts instead; see SealedSharing. */
  isElsewhere = false;
  /** The session in which its want list became complete last. */
  listSession = -1;
  /** The wants for which it asks for a relay. */
  readonly relayed = new Set<Want>();
  /** The session of its last relay frame, and the counter of that message. */
  relaySession = -1;
  relayCounter = 0;
  /** The bucket of its messages; see CellRate. */
  allowanceFullAt = 0;
  /** When its peers were last informed of a move, over each family. */
  readonly moveToldAt: Record<Family, number> = {
    4: Number.NEGATIVE_INFINITY,
    6: Number.NEGATIVE_INFINITY,
  };
  /** When its peers are to be informed of moves that were put off. */
  tellAt = Number.POSITIVE_INFINITY;
  /** Whether it was removed: holders of a reference ignore it. */
  isGone = false;

  /**
   * @param key its public key; see keyText
   * @param source whose share it counts against: the first source, until one is
   *   proven to be the client's; see Directory.charge
   */
  constructor(
    readonly key: string,
    public source: Source,
  ) {}

  /** Whether it was heard from a proven source within the time to live. */
  get isRegistered(): boolean {
    return this.paths[4] !== undefined || this.paths[6] !== undefined;
  }

  /** Whether its present want list is complete: peers that are not in it are not wanted. */
  get hasList(): boolean {
    return this.listSession === this.sessionNumber;
  }

  /** Whether it understands the relay part of an entry: it sent a relay frame in this session. */
  get knowsRelay(): boolean {
    return this.relaySession === this.sessionNumber;
  }

  /** The path it was heard on last; undefined when it is not registered. */
  get freshestPath(): ProvenPath | undefined {
    const { 4: ipv4, 6: ipv6 } = this.paths;
    return ipv4 !== undefined && (ipv6 === undefined || ipv4.heardAt >= ipv6.heardAt) ? ipv4 : ipv6;
  }

  /** The narrowest scope in which the server sees it; undefined when it is not registered. */
  get scope(): Scope | undefined {
    const { 4: ipv4, 6: ipv6 } = this.paths;
    return ipv4 === undefined || (ipv6 !== undefined && ipv6.scope < ipv4.scope)
      ? ipv6?.scope
      : ipv4.scope;
  }

  /** Removes the paths that have ended at `now` (ms); whether there were any. */
  dropPaths(now: number, ttlMs: number): boolean {
    let dropped = false;
    for (const family of FAMILIES) {
      const path = this.paths[family];
      if (path !== undefined && path.endsAt(ttlMs) <= now) {
        this.paths[family] = undefined;
        dropped = true;
      }
    }
    return dropped;
  }
}

/** The server's side of a session. */
export class ServerSession {
  readonly wantList = new WantListProgress();
  /** Of the initiation, TAI64N. */
  readonly timestamp: Uint8Array;
  /** Whether the client has sent data in it. */
  isConfirmed = false;

  /**
   * @param localIndex by which the client names it, and remoteIndex by which the server does
   * @param origin the source of the initiation, which its cookie proved
   * @param endsAt ms
   */
  constructor(
    readonly client: ClientRecord,
    readonly localIndex: number,
    readonly remoteIndex: number,
    readonly transport: Transport,
    readonly origin: ProvenPath,
    public endsAt: number,
  ) {
    this.timestamp = client.timestamp.slice();
  }

  /** Whether the message that was opened last is newer than all before it. */
  get isNewest(): boolean {
    return this.transport.lastCounter === this.transport.highestCounter;
  }
}

/** Local candidates (RFC 8445) that the owner of a want sealed to the peer. */
export interface SealedCandidates {
  /** 88 bytes that only the peer can open. */
  bytes: Uint8Array;
  /** The owner's session in which they came, and the counter of their message. */
  session: number;
  counter: number;
}

/** An entry of a client's want list: a peer that it wants to meet. */
export class Want {
  /** The peer's want for the owner. Only if there is one is anything disclosed. */
  reverse: Want | undefined;
  /** The push under way that informs the owner of the peer. */
  push: Push<Want> | undefined;
  /** Whether something changed since that push was sent. */
  isStale = false;
  /** The owner's local candidates for the peer. */
  candidates: SealedCandidates | undefined;
  /** What other servers know about the peer; undefined if nothing. */
  remotes: readonly RemotePeer[] | undefined;
  /** The owner's side of the relay port of the two. */
  relay: Side<Want> | undefined;
  /** Why there is none, although the owner asks for it. */
  relayRefusal: RelayRefusal | undefined;

  /**
   * @param key of the peer; see keyText
   * @param listMark of the newest want list that holds it
   */
  constructor(
    readonly owner: ClientRecord,
    readonly key: string,
    public listMark: number,
  ) {}
}

/** The 32 bytes of a key at `at` as the text that names it in maps: a character for each byte. */
export function keyText(bytes: Buffer, at = 0): string {
  return bytes.toString('latin1', at, at + KEY_LENGTH);
}
