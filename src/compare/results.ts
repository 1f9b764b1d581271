/*
 * The results of a comparison, as `compare --json` writes them. docs/comparison.schema.json describes
 * them for other programs; a test validates a real run against it.
 */

/** A measurement, or the reason why there is none. */
export type Outcome<T> = T | Failure;

export interface Failure {
  /** One line for a reader of the table. */
  readonly problem: string;
}

export const APPROACH_NAMES = ['classic', 'sealed', 'dns', 'original', 'wgsd'] as const;
export type ApproachName = (typeof APPROACH_NAMES)[number];

/**
 * Two hosts, each behind the same kind of NAT, or both behind one cone NAT. `keepalive`: cone NATs, and
 * both peers have a persistent keepalive before the clients start. `A-x-B`: one behind each; `cgnat-block` gives
 * a subscriber few random ports, and the router of `port-mapping` maps ports on request. `same-carrier`: two home
 * NATs behind one carrier NAT without hairpinning.
 */
export const PAIR_NAMES = [
  'none',
  'cone',
  'keepalive',
  'symmetric',
  'cgnat',
  'full-cone',
  'same-nat',
  'symmetric-x-cone',
  'cone-x-symmetric',
  'cgnat-block-x-cone',
  'port-mapping-x-symmetric',
  'same-carrier',
  'poisoning',
] as const;
/** Pairs for a quick look: most approaches connect them, and none waits for its time limit long. */
export const QUICK_PAIR_NAMES = PAIR_NAMES.slice(0, PAIR_NAMES.indexOf('symmetric-x-cone'));
export type PairName = (typeof PAIR_NAMES)[number];

export const FAULT_NAMES = [
  'server-late',
  'reply-lost',
  'server-restarted',
  'mapping-changed',
] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

export const MEASURE_NAMES = ['connect', 'peers', 'faults', 'rate', 'stranger'] as const;
export type MeasureName = (typeof MEASURE_NAMES)[number];

/** One connection of two hosts. */
export interface ConnectRound {
  /** From the start of both clients to the first answered ping. */
  readonly milliseconds: number;
  /** At the server in that time, both directions. */
  readonly datagrams: number;
  /** Of these datagrams, including the IP headers. */
  readonly bytes: number;
}

/** The medians of the rounds that connected, and these rounds. */
export interface ConnectResult extends ConnectRound {
  /** 95 % of the rounds were at most this long. */
  readonly p95Milliseconds: number;
  readonly worstMilliseconds: number;
  /** The number of rounds without a tunnel within the time limit. */
  readonly failedRounds: number;
  readonly rounds: readonly ConnectRound[];
}

/** The peers that wait for a client: each is a host with WireGuard and a client, and needs memory. */
export const KNOWN_PEERS = 20;

/** A client that starts when many peers wait for it. */
export interface KnownPeersResult {
  readonly peers: number;
  readonly roundTripMilliseconds: number;
  /** From the client's start until WireGuard has a handshake with every peer. */
  readonly milliseconds: number;
  /** The longest chain of requests that were each sent after the answer to the one before. */
  readonly roundTrips: number;
  /** Between client and server in that time, both directions. */
  readonly datagrams: number;
  readonly bytes: number;
}

/** How long it took to recover from a fault. */
export interface FaultResult {
  readonly milliseconds: number;
}

/** The highest rate of a server: that of the best half second. */
export interface RateResult {
  readonly perSecond: number;
  /** Processor time of the server for each request. Other load on the machine affects it least. */
  readonly processorMicroseconds: number;
}

/** What a host learns that is no peer of theirs. */
export interface StrangerResult {
  /** The request: a command, or a description. */
  readonly asked: string;
  /** The answer, verbatim if it is text. */
  readonly answer: string;
  /** Whether it contains endpoints of peers. */
  readonly endpointsDisclosed: boolean;
}

/** The requirements of an approach, in words. */
export interface Needs {
  /** The configuration of its server. */
  readonly server: string;
  /** The configuration of each peer. */
  readonly client: string;
  /** The operations that need root. */
  readonly root: string;
}

/** The results of one approach. Measures that the plan leaves out are absent. */
export interface ApproachResult {
  readonly name: ApproachName;
  readonly summary: string;
  readonly needs: Needs;
  /** Why it did not run. All measures are absent then. */
  readonly problem?: string;
  readonly connect?: Readonly<Partial<Record<PairName, Outcome<ConnectResult>>>>;
  readonly peers?: Outcome<KnownPeersResult>;
  readonly faults?: Readonly<Partial<Record<FaultName, Outcome<FaultResult>>>>;
  /** By number of peers that the server knows. */
  readonly rate?: Readonly<Record<string, Outcome<RateResult>>>;
  readonly stranger?: readonly Outcome<StrangerResult>[];
}

/** The machine of a comparison. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** `kernel` or `wireguard-go VERSION`. */
  readonly wireguard: string;
}

/** What to measure. */
export interface Plan {
  readonly approaches: readonly ApproachName[];
  readonly measures: readonly MeasureName[];
  readonly pairs: readonly PairName[];
  /** Connections of each pair. */
  readonly rounds: number;
  /** Between any two hosts, and from each to the server. */
  readonly roundTripMilliseconds: number;
  /** Whether time limits and measurements are short: a check that it works, not a measurement. */
  readonly quick: boolean;
}

export interface Comparison {
  readonly format: 2;
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
