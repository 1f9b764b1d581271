import { type Endpoint, formatEndpoint, sameEndpoint } from '../../wire/endpoint.js';
import { formatPublicKey } from '../../wire/key.js';
import type { PeerConfig } from '../../wireguard/device.js';
import type { PeerState, PeerView } from '../peer-track.js';
import { behaviourFacts, type NatFacts } from './nat-facts.js';
import type { StatusChange, StatusCounts, StatusPeer, StatusProblem } from './status.js';

/** Peers that a status lists; the others are in its counts only. */
export const MAX_STATUS_PEERS = 2000;

/** In the order of display. */
const STATES: readonly PeerState[] = ['connecting', 'unknown', 'asking', 'connected'];

/** A client's events, as far as they matter here. */
export type WatchedEvent =
  | {
      readonly type: 'problem';
      readonly topic: string;
      readonly text: string;
      readonly server?: string | undefined;
    }
  | { readonly type: 'solved'; readonly topic: string; readonly server?: string | undefined }
  | { readonly type: 'changed'; readonly peer: PeerConfig }
  | { readonly type: 'nat' | 'fact' }
  | { readonly type: 'peers'; readonly peers: readonly PeerView[] };

export interface StatusBookOptions {
  /** The user's name of a peer, by base64 key. */
  readonly nameOf?: (key: string) => string | undefined;
  /** Why a peer is not connected, or not directly, in words. */
  readonly reasonOf: (peer: PeerView) => string | undefined;
}

interface Entry {
  peer: PeerView;
  since: number;
  change: StatusChange | undefined;
}

/**
 * Remembers how long each peer has been in its state, and why it changed last, which the client's events do
 * not say. One entry for each managed peer. Pure: times are milliseconds since the epoch.
 */
export class StatusBook {
  readonly #options: StatusBookOptions;
  #entries = new Map<string, Entry>();
  /** The endpoints that the client set itself, for as long as the peer is managed. */
  readonly #set = new Map<string, Endpoint>();
  /** By topic, and the server whose problem it is. */
  readonly #problems = new Map<string, StatusProblem>();

  constructor(options: StatusBookOptions) {
    this.#options = options;
  }

  observe(event: WatchedEvent, now: number): void {
    switch (event.type) {
      case 'problem': {
        const { topic, text, server = '' } = event;
        const since = this.#problems.get(`${topic} ${server}`)?.since ?? timeText(now);
        this.#problems.set(`${topic} ${server}`, { topic, text, since });
        break;
      }
      case 'solved':
        this.#problems.delete(`${event.topic} ${event.server ?? ''}`);
        break;
      case 'changed':
        if (event.peer.endpoint !== undefined) {
          this.#set.set(formatPublicKey(event.peer.publicKey), event.peer.endpoint);
        }
        break;
      case 'peers':
        this.#observePeers(event.peers, now);
        break;
    }
  }

  /** The counts, the peers in trouble first, and the open problems. */
  get report(): {
    readonly counts: StatusCounts;
    readonly peers: StatusPeer[];
    readonly problems: StatusProblem[];
  } {
    const entries = [...this.#entries];
    const inState = (state: PeerState) => entries.filter(([, { peer }]) => peer.state === state);
    const ordered = STATES.map(inState);
    const counts = Object.fromEntries(
      STATES.map((state, i) => [state, ordered[i]?.length ?? 0]),
    ) as Record<PeerState, number>;
    return {
      counts: { peers: entries.length, ...counts },
      peers: ordered
        .flat()
        .slice(0, MAX_STATUS_PEERS)
        .map(([key, entry]) => this.#statusOf(key, entry)),
      problems: [...this.#problems.values()],
    };
  }

  #observePeers(peers: readonly PeerView[], now: number): void {
    const entries = new Map<string, Entry>();
    for (const peer of peers) {
      const key = formatPublicKey(peer.publicKey);
      const before = this.#entries.get(key);
      entries.set(key, this.#updated(key, before, peer, now));
    }
    for (const key of this.#set.keys()) {
      if (!entries.has(key)) {
        this.#set.delete(key);
      }
    }
    this.#entries = entries;
  }

  #updated(key: string, before: Entry | undefined, peer: PeerView, now: number): Entry {
    if (before === undefined) {
      return { peer, since: now, change: undefined };
    }
    const { state, endpoint, path } = before.peer;
    const isMoved = peer.endpoint !== undefined && !sameEndpoint(endpoint, peer.endpoint);
    if (peer.state !== state) {
      const [what, why] = this.#stateChange(state, peer);
      return { peer, since: now, change: { time: timeText(now), what, why } };
    }
    if (isMoved || peer.path !== path) {
      const change = { time: timeText(now), ...this.#move(key, peer, isMoved) };
      return { peer, since: before.since, change };
    }
    return { ...before, peer };
  }

  #stateChange(before: PeerState, peer: PeerView): [what: string, why: string] {
    const at = peer.endpoint === undefined ? '' : ` at ${formatEndpoint(peer.endpoint)}`;
    switch (peer.state) {
      case 'connected':
        return [`connected${at}`, 'a handshake succeeded'];
      case 'connecting':
        return before === 'connected'
          ? [`lost${at}`, 'it fell silent, or its handshake is too old']
          : [`connecting${at}`, 'a server named its endpoint'];
      case 'unknown':
        return before === 'connected'
          ? [`lost${at}`, 'it fell silent, and no server knows it']
          : ['unknown', 'no server knows it'];
      case 'asking':
        return [before === 'connected' ? `lost${at}` : 'asking', 'no server has answered'];
    }
  }

  #move(key: string, peer: PeerView, isMoved: boolean): { what: string; why: string } {
    const what = isMoved && peer.endpoint ? formatEndpoint(peer.endpoint) : '';
    if (!isMoved) {
      return { what: `path ${peer.path ?? '-'}`, why: 'a better way to it answered' };
    }
    return {
      what: `endpoint ${what}`,
      why: sameEndpoint(this.#set.get(key), peer.endpoint)
        ? 'set by this client'
        : 'WireGuard followed the peer',
    };
  }

  #statusOf(key: string, { peer, since, change }: Entry): StatusPeer {
    const { state, endpoint, handshakeAgeMs, answer, offers, roundTripMs } = peer;
    const isConnected = state === 'connected';
    return {
      publicKey: key,
      name: this.#options.nameOf?.(key),
      state,
      path: isConnected ? peer.path : undefined,
      endpoint: endpoint && formatEndpoint(endpoint),
      roundTripMs: roundTripMs === undefined ? undefined : Math.round(roundTripMs * 10) / 10,
      handshakeAgeSeconds:
        handshakeAgeMs === undefined ? undefined : Math.round(handshakeAgeMs / 1000),
      since: timeText(since),
      change,
      answer: answer === undefined || answer === 'unknown' ? undefined : answer.map(formatEndpoint),
      offers: offers.length === 0 ? undefined : offers.map(formatEndpoint),
      ...natOf(peer),
      reason: this.#options.reasonOf(peer),
    };
  }
}

/** For a peer that sent us something about its NAT. */
function natOf({ nat }: PeerView): { nat?: NatFacts } {
  const facts = nat === undefined ? {} : behaviourFacts(nat);
  return Object.keys(facts).length === 0 ? {} : { nat: facts };
}

/** RFC 3339 of milliseconds since the epoch. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
