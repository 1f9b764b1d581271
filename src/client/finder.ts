import type { Endpoint } from '../wire/endpoint.js';
import type { PublicKey } from '../wire/key.js';
import type { PeerCandidates } from '../wire/sealed-candidates.js';
import type { Device } from '../wireguard/device.js';
import type { OpenSocket } from './channel.js';
import type { ObservingServer } from './paths/observing-server.js';
import type { Problems } from './problems.js';
import type { ServerView } from './status/status.js';

/** Where a peer may be, most promising first: at least one endpoint, and none of them twice. */
export type Candidates = readonly [Endpoint, ...Endpoint[]];

/** The latest answer about a peer. `unknown`: the server does not know where it is. */
export type Answer = 'unknown' | Candidates;

/** A managed peer, as a finder sees it. */
export interface SoughtPeer {
  readonly publicKey: PublicKey;
  /** The latest answer. */
  readonly answer: Answer | undefined;
  /** While the peer is not alive: when to ask about it. */
  readonly askAt: number;
  /** Has a session that works: it is left alone, and answers in the meantime do not count later. */
  isAlive(now: number): boolean;
  /** A request about it was sent: `askAt` moves on, further with each. */
  asked(now: number): void;
  /** Takes in an answer. Repeating it is harmless, and necessary once the peer has been alive since. */
  answered(answer: Answer): void;
  /** Takes in the peer's own candidates; undefined if it sent none. */
  offered(candidates: PeerCandidates | undefined): void;
  /** Whether a relay is wanted: no path answered for a while, or the relay is the path. */
  needsRelay(now: number): boolean;
  /** Takes in where the peer is reached by a relay; undefined if it is not. */
  relayed(endpoint: Endpoint | undefined): void;
}

/** What a client lends its finder. */
export interface FinderContext {
  /** The managed peers by base64 key, always as they stand now. */
  readonly peers: ReadonlyMap<string, SoughtPeer>;
  readonly problems: Problems;
  /** When this run began, in milliseconds since 1970 UTC: peers know our probes by it. */
  readonly run: number;
  /** What is known of this host's NATs, for its peers: NAT_LENGTH bytes. */
  nat(): Uint8Array;
  /** Where the router passes everything on to WireGuard; undefined if it does not. */
  mapped(): Endpoint | undefined;
  /** The server sees this host elsewhere than before: WireGuard's peers are to learn that. */
  moved(): void;
  /** Opens the raw sockets to servers. @default each is one of its own */
  readonly openSocket?: OpenSocket;
  /** Ends the client's wait: it acts on answers and has the finder work. */
  wake(): void;
}

/**
 * How a client learns where its peers are. One folder for each way. Times are those of `clock`.
 * What arrives outside these calls never throws: it goes to `answered` or `problems`, then `wake`.
 */
export interface Finder {
  /**
   * Does what is due: opens, re-opens or closes sockets, sends requests, raises problems. Called after each
   * reading of the interface, after each wake and when `nextWorkAt` has come. Waits for nothing.
   * @param device as read last; undefined while the interface cannot be used: then nothing is sent
   * @throws errors that no retry can fix, by way of `problems.raiseError`
   */
  work(device: Device | undefined, now: number): void;
  /** When there is something to do next, if nothing happens before; Infinity for never. */
  nextWorkAt(now: number): number;
  /**
   * The base64 key of the peer through whose tunnel the questions go, if there is one: it is not managed
   * unless the user names it: a host that cannot reach it cannot ask where it is.
   */
  skips?(device: Device): string | undefined;
  /** Whether a server has answered anything since the start. */
  readonly hasAnswered: boolean;
  /** Where servers outside the tunnel are looked for now; none until a name was resolved. */
  readonly serverEndpoints?: readonly Endpoint[];
  /** The servers as shown to people. */
  readonly servers?: readonly ServerView[];
  /** The round trip to the server in milliseconds; undefined if it is not known yet. */
  readonly roundTripMs?: number | undefined;
  /** The same to the server that knows the peer with this base64 key. @default `roundTripMs` */
  roundTripMsFor?(key: string): number | undefined;
  /** How many hops away the server is over IPv4; undefined where that is not known. @default undefined */
  readonly serverHops?: number | undefined;
  /**
   * Whether the server would relay to the peer with this base64 key, as far as it said; undefined while it does
   * not answer. @default it never does
   */
  relaysTo?(key: string): boolean | undefined;
  /**
   * A secret that only this host and the peer know, for the keys of probes: 32 bytes that the caller
   * overwrites. undefined, or absent, if the approach has none: then keys are made from the public keys.
   */
  secretWith?(peer: PublicKey): Uint8Array | undefined;
  /** Whether peers learn of this host when it learns of them. @default false */
  readonly isSimultaneous?: boolean;
  /** The addresses at which the server sees this host. @default none */
  readonly outside?: readonly string[];
  /** Reports where servers see this host. @default none */
  readonly observing?: ObservingServer;
  /** The same with the ports of WireGuard's mappings, one of each family, for people. */
  readonly observed?: readonly Endpoint[];
  /** An address of this host changed: what others know of us is renewed as soon as possible. */
  refreshNow(): void;
  /** The end of the run: says goodbye if that is usual, and closes everything, within a second. */
  close(): Promise<void>;
}

/** Makes the finder of a client, which sends nothing and opens no socket before its first work. */
export type FinderFactory = (context: FinderContext) => Finder;
