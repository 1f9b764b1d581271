import { Admission } from '../limits/admission.js';
import { randomHashKey } from '../limits/random-hash-key.js';
import { RateLimiter } from '../limits/rate-limiter.js';
import type { MetricsEvents, MetricsServer } from '../metrics/metrics-server.js';
import {
  type BatchSocket,
  type BatchSocketOptions,
  openBatchSocket,
  type ShortBuffer,
} from '../socket/batch-socket.js';
import { type ListenEndpoint, openAt } from '../socket/listening.js';
import { sumCounts } from '../socket/socket-counts.js';
import { CLASSIC_REQUEST_LENGTH } from '../wire/classic.js';
import type { Endpoint } from '../wire/endpoint.js';
import { MAX_MESSAGE_LENGTH, MIN_DATA_LENGTH } from '../wire/sealed.js';
import { ClassicHandler } from './classic/classic-handler.js';
import { EndpointTable } from './classic/endpoint-table.js';
import type { ServiceCounts } from './counts.js';
import { Dispatcher } from './dispatcher.js';
import {
  DEFAULT_RELAY,
  type RelayOptions,
  type SealedOptions,
  type ServiceLimits,
  type ServiceOptions,
  serviceLimits,
} from './options.js';
import { type OpenPort, Ports, planSockets } from './ports.js';
import { randomWords } from './random-words.js';
import type { RelayHandler } from './relay/relay-handler.js';
import type { AllowList } from './sealed/allow-list.js';
import type { Want } from './sealed/client-record.js';
import { Outbox } from './sealed/outbox.js';
import type { SealedHandler } from './sealed/sealed-handler.js';
import { SourceMonitor } from './source-monitor.js';
import type { Store, StoreEvents } from './store/store.js';
import { StunHandler } from './stun-handler.js';

/** Expiry steps are short, and frequent enough to walk ten million entries in time. */
const EXPIRY_INTERVAL_MS = 50;

/** Events of a running server. */
export interface ServiceEvents extends MetricsEvents, StoreEvents {
  /** A receive or send failed as a whole. It is counted, and may happen often. */
  readonly onSocketError?: (error: Error) => void;
  /** All keys have registered from this private address; see SourceMonitor. Called once. */
  readonly onHiddenSources?: (address: string) => void;
  /** The optional second port of an address cannot be bound; the server goes on without it. */
  readonly onNoProbePort?: (error: NodeJS.ErrnoException) => void;
}

/** A rendezvous server that is listening. */
export interface Service extends AsyncDisposable {
  /** The addresses of the sockets, in the order of the options; never port 0. */
  readonly addresses: readonly Endpoint[];
  /** The additional sockets: second ports, and 3478. */
  readonly further: readonly OpenPort[];
  /** Whether all sockets receive and send in batches; false without the addon. */
  readonly batched: boolean;
  /** The buffers that the kernel made smaller than requested; the same for each socket. */
  readonly shortBuffers: readonly ShortBuffer[];
  /** Where metrics are served; undefined when they are not. */
  readonly metricsAddress: Endpoint | undefined;
  /** A snapshot, with the drops that the kernel reports. */
  counts(): ServiceCounts;
  /** Sealed: only these keys may register from now on; clients with other keys are removed. */
  allowOnly(allow: AllowList): void;
  /** Relay: only these keys may use it from now on. */
  allowRelay(allow: AllowList): void;
  /** Answers what has arrived, then closes. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a rendezvous server.
 * Rejects with a RangeError on unusable limits, and with the system's error when an address cannot be
 * bound; nothing stays open then.
 */
export async function openService(
  options: ServiceOptions,
  events: ServiceEvents = {},
): Promise<Service> {
  const limits = serviceLimits(options);
  const table = new EndpointTable({
    maxPeers: limits.maxPeers,
    ttlMs: limits.peerTtlMs,
    share: limits.sourceShare,
    hashKey: randomHashKey(),
  });
  const admission = new Admission({
    limiter: new RateLimiter({ rate: limits.sourceRate, burst: limits.sourceBurst }),
    hashKey: randomHashKey(),
    ...lengthsOf(options.sealed),
  });
  const sources = new SourceMonitor();
  const classic = new ClassicHandler(table, sources);
  const relay =
    options.sealed?.relay && (await createRelay(options.sealed.relay, limits, admission));
  const ports = new Ports();
  const outbox = new Outbox();
  const sealed =
    options.sealed &&
    (await createSealedHandler(options.sealed, limits, {
      admission,
      sources,
      outbox,
      ports,
      relay,
    }));
  const isOpenToAll = options.sealed?.only !== true;
  const stun = isOpenToAll ? new StunHandler(ports, outbox) : undefined;
  const dispatcher = new Dispatcher(admission, isOpenToAll ? classic : undefined, sealed, stun);
  const sockets: BatchSocket[] = [];
  const relaySockets: BatchSocket[] = [];
  let metrics: MetricsServer | undefined;
  let store: Store | undefined;

  const counts = (): ServiceCounts => ({
    admission: { ...admission.counts },
    classic: { ...classic.counts },
    table: {
      peers: table.size,
      maxPeers: limits.maxPeers,
      expired: table.expired,
      bytes: table.bytes,
    },
    sockets: sumCounts([...sockets, ...relaySockets].map((socket) => socket.counters)),
    ...(relay && { relay: { ...relay.counts, ...relay.sizes } }),
    ...(stun && { stun: { ...stun.counts } }),
    ...(sealed && { sealed: { ...sealed.counts, ...sealed.sizes } }),
    ...(store && { store: { ...store.counts, ...store.sizes } }),
  });
  const expiry = setInterval(() => {
    const now = performance.now();
    table.expireDue(now);
    sealed?.tick(now);
    store?.tick(now);
    const hidden = sources.report(table.size + (sealed?.sizes.clients ?? 0), now);
    if (hidden !== undefined) {
      events.onHiddenSources?.(hidden);
    }
  }, EXPIRY_INTERVAL_MS);
  let closed: Promise<void> | undefined;
  let isGoingOn = false;
  /** Handshakes that wait have their turn after the sockets. */
  const goOn = (): void => {
    if (sealed?.isBusy && !isGoingOn) {
      isGoingOn = true;
      setImmediate(() => {
        isGoingOn = false;
        if (closed === undefined) {
          sealed.work(performance.now());
          store?.flush();
          goOn();
        }
      });
    }
  };
  const closeAll = async (): Promise<void> => {
    clearInterval(expiry);
    await Promise.all([...sockets, ...relaySockets].map((socket) => socket.close()));
    await store?.close();
    sealed?.wipe();
    await metrics?.close();
  };
  const close = (): Promise<void> => {
    closed ??= closeAll();
    return closed;
  };

  try {
    const { listen, probe, stun: isOnStunPort = false } = options;
    for (const planned of planSockets({ listen, probePort: probe?.port, stun: isOnStunPort })) {
      const { listen: where, role } = planned;
      const number = sockets.length;
      const onBatch: BatchSocketOptions['onBatch'] = (batch, count) => {
        dispatcher.answer(batch, count, where.family, number, performance.now(), role);
        outbox.flush();
        store?.flush();
        goOn();
      };
      const onError = (error: Error) => events.onSocketError?.(error);
      const socket = await openSocket(where, limits, { onBatch, onError }).catch((error) => {
        if (role !== 'probe' || probe?.optional !== true) {
          throw error;
        }
        events.onNoProbePort?.(error);
        return undefined;
      });
      if (socket !== undefined) {
        sockets.push(socket);
        outbox.add(socket);
        ports.add({ address: socket.address, role });
      }
    }
    if (relay !== undefined) {
      relaySockets.push(
        ...(await openRelay(relay, options, (error) => events.onSocketError?.(error))),
      );
    }
    if (options.store !== undefined) {
      const { Store } = await import('./store/store.js');
      const { peerTtlMs: ttlMs } = limits;
      const allow = () => sealed?.allow;
      const shared = isOpenToAll ? { table, handler: classic } : undefined;
      store = new Store({ address: options.store, ttlMs, allow }, sealed, shared, events);
    }
    if (options.metrics !== undefined) {
      const { serveMetrics } = await import('./metrics.js');
      const isReady = () => closed === undefined;
      metrics = await serveMetrics(counts, { ...events, endpoint: options.metrics, isReady });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses: ports.open.filter(({ role }) => role === 'main').map(({ address }) => address),
    further: ports.open.filter(({ role }) => role !== 'main'),
    batched: sockets.every(({ implementation }) => implementation === 'native'),
    shortBuffers: sockets[0]?.shortBuffers ?? [],
    metricsAddress: metrics?.address,
    counts,
    allowOnly: (allow) => sealed?.allowOnly(allow),
    allowRelay: (allow) => sealed?.allowRelay(allow),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Undefined if an optional address is of a family that the host lacks. */
function openSocket(
  listen: ListenEndpoint,
  { receiveBufferBytes }: ServiceLimits,
  handlers: Pick<BatchSocketOptions, 'onBatch' | 'onError'>,
): Promise<BatchSocket | undefined> {
  const { address, port, family } = listen;
  return openAt(listen, () =>
    openBatchSocket({ family, address, port, receiveBufferBytes, ...handlers }),
  );
}

/** The lengths of the datagrams that any of the protocols takes. */
function lengthsOf(sealed: SealedOptions | undefined) {
  return sealed === undefined
    ? { minLength: CLASSIC_REQUEST_LENGTH, maxLength: CLASSIC_REQUEST_LENGTH }
    : { minLength: MIN_DATA_LENGTH, maxLength: MAX_MESSAGE_LENGTH };
}

async function createRelay(
  { ports = DEFAULT_RELAY.ports, rate = DEFAULT_RELAY.rate, totalRate }: RelayOptions,
  { sourceShare }: ServiceLimits,
  admission: Admission,
): Promise<RelayHandler<Want>> {
  const { RelayHandler } = await import('./relay/relay-handler.js');
  return new RelayHandler<Want>(
    {
      firstPort: ports.first,
      ports: ports.count,
      rate,
      totalRate: totalRate ?? DEFAULT_RELAY.totalRate,
      sourceShare,
      admission,
      hashKey: randomHashKey(),
      randomNumber: randomWords(),
    },
    performance.now(),
  );
}

async function openRelay(
  relay: RelayHandler<Want>,
  { listen, sealed }: ServiceOptions,
  onError: (error: Error) => void,
): Promise<BatchSocket[]> {
  const { openRelaySockets } = await import('./relay/relay-sockets.js');
  const ports = sealed?.relay?.ports ?? DEFAULT_RELAY.ports;
  return openRelaySockets(relay, listen, ports, onError);
}

/** Loads cryptography only where the sealed protocol is spoken. */
async function createSealedHandler(
  { key, only = false, allow, relay: relayOptions }: SealedOptions,
  limits: ServiceLimits,
  shared: {
    readonly admission: Admission;
    readonly sources: SourceMonitor;
    readonly outbox: Outbox;
    readonly ports: Ports;
    readonly relay: RelayHandler<Want> | undefined;
  },
): Promise<SealedHandler> {
  const { SealedHandler } = await import('./sealed/sealed-handler.js');
  const { maxPeers: maxClients, peerTtlMs: ttlMs } = limits;
  return new SealedHandler(
    {
      ...limits,
      maxClients,
      ttlMs,
      key,
      only,
      allow,
      ...shared,
      otherPort: (socket) => shared.ports.otherPortNumber(socket),
      relayAllow: relayOptions?.allow,
      hashKey: randomHashKey(),
    },
    {
      clock: () => performance.now(),
      wallClock: () => Date.now(),
      randomNumber: randomWords(),
    },
  );
}
