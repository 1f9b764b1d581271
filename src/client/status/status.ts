import type { PathKind } from '../paths/remote-candidate.js';
import type { NatFacts } from './nat-facts.js';

/** The number of the format; `docs/status.schema.json` describes it. */
export const STATUS_FORMAT = 1;

/** What a running client reports about itself: one JSON object. Times are RFC 3339, in UTC. */
export interface Status {
  readonly format: typeof STATUS_FORMAT;
  /** Of wg-rendezvous. */
  readonly version: string;
  /** When this was made. */
  readonly time: string;
  readonly pid: number;
  /** When the client was started. */
  readonly startedAt: string;
  readonly interface: string;
  /** Base64; absent while the interface cannot be used. */
  readonly publicKey?: string;
  readonly listenPort?: number;
  readonly fwmark?: number;
  readonly servers: readonly ServerView[];
  /** Where the servers see this host, by address family. */
  readonly mapping?: { readonly ipv4?: string; readonly ipv6?: string };
  readonly nat?: NatFacts;
  readonly counts: StatusCounts;
  /** At most MAX_PEERS, those in trouble first. */
  readonly peers: readonly StatusPeer[];
  readonly problems: readonly StatusProblem[];
}

/** How a client finds its peers. */
export type Protocol = 'classic' | 'sealed' | 'dns';

export type ServerState = 'answers' | 'silent' | 'asking' | 'resolving';

/** A server as its finder sees it. */
export interface ServerView {
  /** As the user named it: `HOST:PORT`. */
  readonly name: string;
  readonly protocol: Protocol;
  /** The public key in base64, in the sealed protocol. */
  readonly publicKey?: string | undefined;
  /** The address in use, `ADDRESS:PORT`. */
  readonly endpoint?: string | undefined;
  readonly roundTripMs?: number | undefined;
  readonly state: ServerState;
}

/** As a peer's own state: `asking` without an answer of a server, `unknown` where it knows none. */
export type StatusState = 'asking' | 'unknown' | 'connecting' | 'connected';

/** All peers of the interface that the client manages. */
export type StatusCounts = { readonly peers: number } & Readonly<Record<StatusState, number>>;

export interface StatusPeer {
  /** Base64. */
  readonly publicKey: string;
  /** As the user named it. */
  readonly name?: string | undefined;
  readonly state: StatusState;
  /** Of a connected peer. */
  readonly path?: PathKind | undefined;
  readonly endpoint?: string | undefined;
  readonly roundTripMs?: number | undefined;
  readonly handshakeAgeSeconds?: number | undefined;
  /** Since when it is in this state. */
  readonly since: string;
  readonly change?: StatusChange | undefined;
  /** Where the servers say that it is. */
  readonly answer?: readonly string[] | undefined;
  /** Its own addresses, as it reported them. */
  readonly offers?: readonly string[] | undefined;
  /** Its NAT, as it reported it to this client. */
  readonly nat?: NatFacts | undefined;
  /** Why it is not connected, or not directly, and what may help. */
  readonly reason?: string | undefined;
}

/** The last change of a peer's state or endpoint. */
export interface StatusChange {
  readonly time: string;
  readonly what: string;
  readonly why: string;
}

export interface StatusProblem {
  readonly topic: string;
  readonly text: string;
  readonly since: string;
}
