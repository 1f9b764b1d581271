import type { MappingProtocol } from '../client/paths/mapping-protocols.js';
import type { NatFacts } from '../client/status/nat-facts.js';
import type { Protocol, Status } from '../client/status/status.js';
import type { Endpoint, Family } from '../wire/endpoint.js';
import type { Device } from '../wireguard/device.js';
import type { NotReadyReason } from '../wireguard/readiness.js';
import type { FirewallDrop } from './firewall/ruleset.js';

/** What a check has seen; `undefined` is what it could not see, or not in time. */
export interface Facts {
  readonly interfaceName: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly interface: InterfaceFacts;
  /** The status of the running client; `none` if there is none. */
  readonly client: Status | 'none';
  /** Other processes that seem to be clients of this interface. */
  readonly otherClients: readonly OtherClient[] | undefined;
  readonly servers: readonly ServerFacts[];
  /** Where WireGuard's packets to peers leave, as far as endpoints are known; one for each family. */
  readonly peerRoutes: readonly RouteFacts[];
  readonly nat: NatFacts;
  /** The router, unless a client has already asked it. */
  readonly router: RouterFacts | 'none' | undefined;
  /** Addresses of this host that are not on the interface. */
  readonly localAddresses: readonly string[];
  readonly firewall: FirewallFacts | undefined;
  readonly config: ConfigFacts | undefined;
  /** Public keys (base64) that a classic server knows, and where. */
  readonly registered: ReadonlyMap<string, Endpoint | 'unknown'>;
  /** What was unfinished when the time was over. */
  readonly late: readonly string[];
}

/** The interface, and why it cannot be used; then `device` may be missing. */
export interface InterfaceFacts {
  readonly device?: Device | undefined;
  readonly reason?: NotReadyReason;
  readonly error?: string;
}

/** A process that holds what only clients hold. */
export interface OtherClient {
  readonly pid: number;
  /** Of /proc/PID/comm. */
  readonly command: string;
  /** `lock`: the lock of the interface's client. `raw-socket`: a raw UDP socket in this namespace. */
  readonly holds: 'lock' | 'raw-socket';
}

export interface ServerFacts {
  /** `HOST:PORT`. */
  readonly name: string;
  readonly protocol: Protocol;
  /** Why its name gave no address. */
  readonly lookupError: string | undefined;
  readonly probes: readonly ProbeFacts[];
}

/** The result of asking one address of a server. */
export interface ProbeFacts {
  readonly endpoint: Endpoint;
  /** Whether the request left from WireGuard's port, which a running client has to itself. */
  readonly fromWireguardPort: boolean;
  readonly outcome: ProbeOutcome;
  readonly roundTripMs?: number | undefined;
  /** This host's clock minus the server's. */
  readonly clockAheadMs?: number | undefined;
  /** The server knows a time of this key that is so far ahead. */
  readonly staleByMs?: number | undefined;
  /** Where the server sees the request come from. */
  readonly seenAs?: Endpoint | undefined;
  /** The route of WireGuard's packets to it. */
  readonly route?: RouteFacts | undefined;
}

/** `classic-only`: it does not answer in the sealed protocol, and does in the classic one. */
export type ProbeOutcome =
  | 'answered'
  | 'silent'
  | 'wrong-key'
  | 'not-allowed'
  | 'full'
  | 'classic-only'
  | { readonly errorCode: string };

/** How packets to an address leave, and how the kernel expects answers to come. */
export interface RouteFacts {
  readonly family: Family;
  readonly to: string;
  /** The interface, or why there is no route. */
  readonly interface?: string | undefined;
  readonly source?: string | undefined;
  readonly errorCode?: string | undefined;
  /** The interface of the way back by which reverse path filtering judges answers. */
  readonly reverseInterface?: string | undefined;
  /** rp_filter (Documentation/networking/ip-sysctl.rst) where answers arrive: 0 off, 1 strict, 2 loose. */
  readonly rpFilter?: number | undefined;
}

export interface FirewallFacts {
  /** Rules that drop what the client sends, or what peers and servers answer. */
  readonly drops: readonly FirewallDrop[];
  /** The tools that answered: nft, iptables-save. If empty, nothing is known. */
  readonly readBy: readonly string[];
}

/** The default gateway over IPv4, as it answers questions that map nothing. */
export interface RouterFacts {
  readonly address: string;
  /** How it maps ports. */
  readonly protocols: readonly MappingProtocol[];
  /** Its outside address, if it reports it. */
  readonly outside: string | undefined;
}

/** What wg-quick reads when the interface comes up. */
export interface ConfigFacts {
  readonly file: string;
  readonly saves: boolean;
  /** Base64 keys of the peers with an Endpoint line, and that line's value. */
  readonly pinned: ReadonlyMap<string, string>;
}
