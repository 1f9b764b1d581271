/*
 * What a comparison finds, as it is written by `compare --json`. docs/comparison.schema.json describes
 * it for readers outside; a test holds a real run against it.
 */

/** Something that was measured, or why it could not be. */
export type Outcome<T> = T | Failure;

export interface Failure {
  /** One line: what went wrong, in words for a reader of the table. */
  readonly problem: string;
}

export const APPROACH_NAMES = ['classic', 'sealed', 'dns', 'original', 'wgsd'] as const;
export type ApproachName = (typeof APPROACH_NAMES)[number];

/** Two hosts with the same kind of NAT each, or both behind one cone NAT. */
export const PAIR_NAMES = ['none', 'cone', 'symmetric', 'cgnat', 'full-cone', 'same-nat'] as const;
export type PairName = (typeof PAIR_NAMES)[number];

export const TROUBLE_NAMES = [
  'server-late',
  'reply-lost',
  'server-restarted',
  'mapping-changed',
] as const;
export type TroubleName = (typeof TROUBLE_NAMES)[number];

export const MEASURE_NAMES = ['connect', 'peers', 'trouble', 'rate', 'stranger'] as const;
export type MeasureName = (typeof MEASURE_NAMES)[number];

/** One connection of two hosts. */
export interface ConnectRound {
  /** From the start of both clients to the first answered ping. */
  readonly milliseconds: number;
  /** At the server in that time, both directions. */
  readonly datagrams: number;
  /** Theirs, from the IP header on. */
  readonly bytes: number;
}

/** Medians, and the rounds that they are of. */
export interface ConnectResult extends ConnectRound {
  readonly rounds: readonly ConnectRound[];
}

/** A client that is told the endpoints of many peers by a distant server. */
export interface KnownPeersResult {
  readonly peers: number;
  readonly roundTripMilliseconds: number;
  /** From the client's start until WireGuard has the endpoint of every peer. */
  readonly milliseconds: number;
  /** The longest chain of requests of which each was sent after the answer to the one before. */
  readonly roundTrips: number;
  /** Between client and server in that time, both directions. */
  readonly datagrams: number;
  readonly bytes: number;
}

/** How long it took to get over something that went wrong. */
export interface TroubleResult {
  readonly milliseconds: number;
}

/** What one server answers at most: in the best half second of several. */
export interface RateResult {
  readonly perSecond: number;
  /** Of the server's processor time for each. It depends least on what else the machine does. */
  readonly processorMicroseconds: number;
}

/** What somebody learns who is no peer of anybody. */
export interface StrangerResult {
  /** The request, as a command or in words. */
  readonly asked: string;
  /** What came back, verbatim where it is text. */
  readonly answer: string;
  /** Whether it tells where the peers are. */
  readonly endpointsDisclosed: boolean;
}

/** What running an approach asks for, in words. */
export interface Needs {
  /** What its server has to be configured with. */
  readonly server: string;
  /** What each peer has to be configured with. */
  readonly client: string;
  /** What root is needed for. */
  readonly root: string;
}

/** All about one approach; a part that was not asked for is absent. */
export interface ApproachResult {
  readonly name: ApproachName;
  readonly summary: string;
  readonly needs: Needs;
  /** Why it could not be run at all; then the parts are absent. */
  readonly problem?: string;
  readonly connect?: Readonly<Partial<Record<PairName, Outcome<ConnectResult>>>>;
  readonly peers?: Outcome<KnownPeersResult>;
  readonly trouble?: Readonly<Partial<Record<TroubleName, Outcome<TroubleResult>>>>;
  /** By number of peers that the server knows. */
  readonly rate?: Readonly<Record<string, Outcome<RateResult>>>;
  readonly stranger?: readonly Outcome<StrangerResult>[];
}

/** Where a comparison ran. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** `kernel` or `wireguard-go VERSION`. */
  readonly wireguard: string;
}

/** What was asked for. */
export interface Plan {
  readonly approaches: readonly ApproachName[];
  readonly measures: readonly MeasureName[];
  readonly pairs: readonly PairName[];
  readonly rounds: number;
  readonly quick: boolean;
}

export interface Comparison {
  readonly format: 1;
  /** Of wg-rendezvous. */
  readonly version: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly plan: Plan;
  readonly approaches: readonly ApproachResult[];
}

export function failed(outcome: object | undefined): outcome is Failure {
  return outcome !== undefined && 'problem' in outcome;
}
