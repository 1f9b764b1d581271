import type { KeyPair } from '../sealed/key-pair.js';
import { MAX_RECEIVE_BUFFER, MIN_RECEIVE_BUFFER } from '../socket/batch-interface.js';
import type { ListenEndpoint } from '../socket/listening.js';
import type { Endpoint } from '../wire/endpoint.js';
import { MAX_TTL_MS } from './classic/endpoint-table.js';
import type { RelayPorts } from './relay/relay-sockets.js';
import type { AllowList } from './sealed/allow-list.js';
import type { StoreAddress } from './store/store-url.js';

/** The bound on `maxPeers`: at 10 million the table takes about 1 GiB. */
export const MAX_PEERS = 10_000_000;

/** Limits of datagrams, handshakes and messages a second. */
export const MAX_RATE = 1_000_000_000;

/** The bound on `maxWanted`: 16 bits of a response. */
export const MAX_WANTED = 65_535;

/** The sealed protocol. */
export interface SealedOptions {
  /** The server's own key pair. The service wipes it when it closes. */
  readonly key: KeyPair;
  /** Ignore classic requests and clients that do not prove knowledge of the server key. @default false */
  readonly only?: boolean;
  /** The keys that may register. @default all */
  readonly allow?: AllowList | undefined;
  /** @default the server does not relay */
  readonly relay?: RelayOptions | undefined;
}

/** The relay; see docs/protocol.md, "Relay". */
export interface RelayOptions {
  /** @default 49920 and the 31 ports after it */
  readonly ports?: RelayPorts;
  /** Bits per second of a pair, both directions together. @default 10_000_000 */
  readonly rate?: number;
  /** Bits per second of all pairs. @default 100_000_000 */
  readonly totalRate?: number;
  /** The keys that may use it. @default all */
  readonly allow?: AllowList | undefined;
}

/** Default relay ports and rates. */
export const DEFAULT_RELAY = {
  ports: { first: 49_920, count: 32 },
  rate: 10_000_000,
  totalRate: 100_000_000,
} as const;

/** The most relay ports: each has a socket for each address. */
export const MAX_RELAY_PORTS = 1024;

export interface ServiceOptions {
  readonly listen: readonly ListenEndpoint[];
  /** The most entries, of both families together. @default 65536, as the original */
  readonly maxPeers?: number;
  /** Time without a registration after which an entry expires. @default 180_000 */
  readonly peerTtlMs?: number;
  /** Datagrams per second of one source (an IPv4 address, an IPv6 /64); 0 = no limit. @default 20_000 */
  readonly sourceRate?: number;
  /** Datagrams that a source may send at once after a pause. @default 20_000 */
  readonly sourceBurst?: number;
  /** The most of an otherwise empty table that one site can hold; see SourceShare. @default 0.5 */
  readonly sourceShare?: number;
  /** Sealed: peers that one client may want. @default 4096 */
  readonly maxWanted?: number;
  /** Sealed: handshakes per second of one source, five times as many at once; 0 = no limit. @default 100 */
  readonly handshakeRate?: number;
  /** Sealed: messages per second of one client, twice as many at once; 0 = no limit. @default 500 */
  readonly clientRate?: number;
  /** SO_RCVBUF of each socket; 4 MiB hold about 5000 requests. @default 4_194_304 */
  readonly receiveBufferBytes?: number;
  /** Where to serve metrics over HTTP. @default nowhere */
  readonly metrics?: Endpoint;
  /** @default the classic protocol only */
  readonly sealed?: SealedOptions;
  /**
   * The second port of each address, where clients learn how their NATs behave; `optional`: the server goes on
   * if it is in use. @default none
   */
  readonly probe?: { readonly port: number; readonly optional: boolean };
  /** Answer STUN on port 3478 of each address as well. @default false */
  readonly stun?: boolean;
  /** Where servers share their clients. @default nowhere */
  readonly store?: StoreAddress | undefined;
}

/** The default second port. */
export const DEFAULT_PROBE_PORT = 49919;

export type ServiceLimits = Required<
  Omit<ServiceOptions, 'listen' | 'metrics' | 'sealed' | 'probe' | 'stun' | 'store'>
>;

export const DEFAULT_LIMITS: ServiceLimits = {
  maxPeers: 65_536,
  peerTtlMs: 180_000,
  sourceRate: 20_000,
  sourceBurst: 20_000,
  sourceShare: 0.5,
  maxWanted: 4096,
  handshakeRate: 100,
  clientRate: 500,
  receiveBufferBytes: 4 * 1024 * 1024,
};

/** Fills in defaults. Throws a RangeError that names the option, its range and its value. */
export function serviceLimits(options: Partial<ServiceLimits>): ServiceLimits {
  const limits = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(limits) as (keyof ServiceLimits)[]) {
    limits[name] = options[name] ?? limits[name];
  }
  expectInteger(limits, 'maxPeers', 1, MAX_PEERS);
  expectInteger(limits, 'peerTtlMs', 1, MAX_TTL_MS);
  expectInteger(limits, 'sourceRate', 0, MAX_RATE);
  expectInteger(limits, 'sourceBurst', 1, MAX_RATE);
  expectInteger(limits, 'maxWanted', 1, MAX_WANTED);
  expectInteger(limits, 'handshakeRate', 0, MAX_RATE);
  expectInteger(limits, 'clientRate', 0, MAX_RATE);
  expectInteger(limits, 'receiveBufferBytes', MIN_RECEIVE_BUFFER, MAX_RECEIVE_BUFFER);
  if (!(limits.sourceShare > 0 && limits.sourceShare < 1)) {
    throw new RangeError(
      `Expected the \`sourceShare\` to be between 0 and 1, got ${limits.sourceShare}`,
    );
  }
  return limits;
}

function expectInteger(
  limits: ServiceLimits,
  name: keyof ServiceLimits,
  lowest: number,
  highest: number,
): void {
  const value = limits[name];
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    throw new RangeError(
      `Expected the \`${name}\` to be an integer of ${lowest}..${highest}, got ${value}`,
    );
  }
}
