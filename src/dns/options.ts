import type { ListenEndpoint } from '../socket/listening.js';
import type { Endpoint } from '../wire/endpoint.js';
import type { Signer } from './signer.js';

/** The registry's own device as an instance among the others (wgsd's `self`). */
export interface SelfOptions {
  /** @default the address that the query was sent to, and the device's listen port */
  readonly endpoint?: Endpoint;
  /** The AllowedIPs in the TXT record. */
  readonly allowedIps: readonly string[];
}

/** A zone to answer for. */
export interface ZoneOptions {
  /** As parseZone gives it. */
  readonly name: string;
  /** @default the own device is not served */
  readonly self?: SelfOptions;
}

export interface RegistryServiceOptions {
  /** At least one, each once. */
  readonly zones: readonly ZoneOptions[];
  readonly interfaceName: string;
  readonly listen: readonly ListenEndpoint[];
  /** Answer queries from anywhere. @default false: only those that arrive through the interface */
  readonly isPublic?: boolean;
  /** The maximum age of the reading that answers come from. @default 1000 */
  readonly maxAgeMs?: number;
  /** How old a reading may be that serves while WireGuard is slow; 0 = SERVFAIL. @default 60_000 */
  readonly maxStaleMs?: number;
  /** Queries a second from one source (an IPv4 address, an IPv6 /64); 0 = no limit. @default 20_000 */
  readonly sourceRate?: number;
  /** Burst of one source, in queries. @default 20_000 */
  readonly sourceBurst?: number;
  /**
   * Public: replies a second over UDP to one source that are larger than their query, ten times as many
   * at once; further ones are truncated to nothing. 0 = no limit. @default 100
   */
  readonly replyRate?: number;
  /** SO_RCVBUF of each UDP socket. @default 4_194_304 */
  readonly receiveBufferBytes?: number;
  /** Where to serve metrics over HTTP. @default nowhere */
  readonly metrics?: Endpoint;
  /** @default answers are not signed */
  readonly signer?: Signer;
}

export type RegistryLimits = Required<
  Pick<
    RegistryServiceOptions,
    'maxAgeMs' | 'maxStaleMs' | 'sourceRate' | 'sourceBurst' | 'replyRate' | 'receiveBufferBytes'
  >
>;

export const DEFAULT_REGISTRY_LIMITS: RegistryLimits = {
  maxAgeMs: 1000,
  maxStaleMs: 60_000,
  sourceRate: 20_000,
  sourceBurst: 20_000,
  replyRate: 100,
  receiveBufferBytes: 4 * 1024 * 1024,
};
