import { Admission } from '../limits/admission.js';
import { ConnectionPool } from '../limits/connection-pool.js';
import { randomHashKey } from '../limits/random-hash-key.js';
import { RateLimiter } from '../limits/rate-limiter.js';
import type { MetricsEvents, MetricsServer } from '../metrics/metrics-server.js';
import type { ShortBuffer } from '../socket/batch-socket.js';
import { DNS_HEADER_LENGTH } from '../wire/dns-message.js';
import type { Endpoint } from '../wire/endpoint.js';
import type { Device } from '../wireguard/device.js';
import { createDumpParser } from '../wireguard/dump.js';
import { WgError } from '../wireguard/wg-error.js';
import { readDevice } from '../wireguard/wg-tool.js';
import { type RegistryCounts, sumAnswers } from './counts.js';
import { type DeviceProblem, DeviceSource } from './device-source.js';
import { Listeners } from './listeners.js';
import {
  DEFAULT_REGISTRY_LIMITS,
  type RegistryLimits,
  type RegistryServiceOptions,
} from './options.js';
import { Responder } from './responder.js';
import { Roster } from './roster.js';
import { type TunnelEvents, TunnelListeners } from './tunnel-listeners.js';
import type { Answering } from './udp-handler.js';
import { Zone } from './zone.js';

/** TCP connections at once (RFC 7766 section 6.2.2), and of those the most of one source. */
const MAX_CONNECTIONS = 512;
const MAX_PER_SOURCE = 32;

/** Large replies that a source may have at once after a pause, in seconds of its rate. */
const REPLY_BURST_SECONDS = 10;

/** Errors that no retry fixes. */
const FATAL_CODES: readonly string[] = ['WG_TOOL_MISSING', 'WG_NOT_PERMITTED'];

/** Events of a running registry. */
export interface RegistryEvents extends TunnelEvents, MetricsEvents {
  /** A whole receive or send over UDP failed. Counted; there may be many. */
  readonly onSocketError?: (error: Error) => void;
  /** The device cannot be read, or not in time; undefined: it can be again. */
  onDeviceProblem(problem: DeviceProblem | undefined): void;
}

/** A registry server that is listening. */
export interface RegistryService extends AsyncDisposable {
  /** The addresses of the sockets, in the order of the options; none while the tunnel is down. */
  readonly addresses: readonly Endpoint[];
  /** The buffers that the kernel made smaller than requested; the same for each UDP socket. */
  readonly shortBuffers: readonly ShortBuffer[];
  /** Whether UDP sockets receive and send by the batch; not so where the addon cannot be used. */
  readonly batched: boolean;
  /** Where metrics are served, if they are. */
  readonly metricsAddress: Endpoint | undefined;
  counts(): RegistryCounts;
  /** Answers the queries that have arrived, then closes. Idempotent. */
  close(): Promise<void>;
}

interface Reading {
  /** Reads the device. @default through the wg tool */
  readonly read?: () => Promise<Device>;
}

/**
 * Starts a registry server: the DNS server of the DNS-SD approach.
 * Rejects with the system's error when an address cannot be bound, and with a WgError when the `wg` tool
 * or the privilege to read WireGuard is missing. Nothing stays open then.
 */
export async function openRegistry(
  options: RegistryServiceOptions & Reading,
  events: RegistryEvents,
): Promise<RegistryService> {
  const limits: RegistryLimits = { ...DEFAULT_REGISTRY_LIMITS, ...options };
  const answering = createAnswering(options, limits, events);
  const { source, connections } = answering;
  await firstReading(source);
  const listeners = await openListeners(options, limits, answering, events);
  const counts = (): RegistryCounts => ({
    ...answerCounts(answering),
    readings: { done: source.readings, failed: source.failures },
    tcp: {
      accepted: connections.accepted,
      displaced: connections.displaced,
      open: connections.size,
    },
    sockets: listeners.counts,
  });
  let metrics: MetricsServer | undefined;
  let closed: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    await listeners.close();
    connections.closeAll();
    await metrics?.close();
  };
  const close = (): Promise<void> => {
    closed ??= closeAll();
    return closed;
  };
  const isReady = () => closed === undefined && listeners.addresses.length > 0;
  try {
    metrics = await openMetrics(options, counts, { ...events, isReady });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    get addresses() {
      return listeners.addresses;
    },
    get shortBuffers() {
      return listeners.shortBuffers;
    },
    batched: listeners.batched,
    metricsAddress: metrics?.address,
    counts,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Counts by transport: those of the responder, and the datagrams that never reached it. */
function answerCounts({
  responder,
  admission,
}: Answering): Pick<RegistryCounts, 'answers' | 'byTransport'> {
  const { udp, tcp } = responder.counts;
  const { malformed, limited } = admission.counts;
  const byTransport = {
    udp: { ...udp, ignored: udp.ignored + malformed, limited },
    tcp: { ...tcp },
  };
  return { answers: sumAnswers(byTransport), byTransport };
}

function createAnswering(
  options: RegistryServiceOptions & Reading,
  limits: RegistryLimits,
  events: RegistryEvents,
): Answering {
  const roster = new Roster();
  const now = () => performance.now();
  const names = options.zones.map(({ name }) => name);
  const zones = options.zones.map((zone, i) => new Zone(zone, roster, i, names));
  const source = new DeviceSource({
    read: options.read ?? deviceReader(options.interfaceName),
    roster,
    maxAgeMs: limits.maxAgeMs,
    maxStaleMs: limits.maxStaleMs,
    now,
    onProblem: (problem) => events.onDeviceProblem(problem),
  });
  const limiter = new RateLimiter({ rate: limits.sourceRate, burst: limits.sourceBurst });
  const hashKey = randomHashKey();
  return {
    responder: new Responder(zones, roster, options.signer),
    source,
    admission: new Admission({
      limiter,
      hashKey,
      minLength: DNS_HEADER_LENGTH,
      maxLength: Infinity,
    }),
    limiter,
    replyLimiter: replyLimiter(options, limits),
    connections: new ConnectionPool({ capacity: MAX_CONNECTIONS, perSource: MAX_PER_SOURCE }),
    hashKey,
    now,
  };
}

/** In a tunnel WireGuard has proven each source; elsewhere a forged one gets few large replies. */
function replyLimiter(
  { isPublic }: RegistryServiceOptions,
  { replyRate }: RegistryLimits,
): RateLimiter | undefined {
  return isPublic === true && replyRate > 0
    ? new RateLimiter({ rate: replyRate, burst: REPLY_BURST_SECONDS * replyRate })
    : undefined;
}

function deviceReader(interfaceName: string): () => Promise<Device> {
  const parse = createDumpParser();
  return () => readDevice(interfaceName, parse);
}

async function firstReading(source: DeviceSource): Promise<void> {
  await source.refresh();
  const { problem } = source;
  if (problem instanceof WgError && FATAL_CODES.includes(problem.code)) {
    throw problem;
  }
}

async function openMetrics(
  { metrics }: RegistryServiceOptions,
  counts: () => RegistryCounts,
  host: MetricsEvents & { isReady(): boolean },
): Promise<MetricsServer | undefined> {
  if (metrics === undefined) {
    return undefined;
  }
  // Loaded only when needed: the library is large.
  const { serveRegistryMetrics } = await import('./metrics.js');
  return serveRegistryMetrics(counts, { ...host, endpoint: metrics });
}

function openListeners(
  { isPublic, interfaceName, listen }: RegistryServiceOptions,
  { receiveBufferBytes }: RegistryLimits,
  answering: Answering,
  events: RegistryEvents,
): Promise<Listeners | TunnelListeners> {
  const onSocketError = (error: Error) => events.onSocketError?.(error);
  const options = { listen, receiveBufferBytes, onSocketError };
  return isPublic === true
    ? Listeners.open(options, answering)
    : TunnelListeners.open({ ...options, interfaceName }, answering, events);
}
