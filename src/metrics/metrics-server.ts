import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { ConnectionPool } from '../limits/connection-pool.js';
import { randomHashKey } from '../limits/random-hash-key.js';
import { connectionSource } from '../limits/source-hash.js';
import { openTcpListener } from '../socket/tcp-listener.js';
import { throttle } from '../socket/throttle.js';
import type { Endpoint } from '../wire/endpoint.js';
import { CachedText } from './cached-text.js';
import { answerOnce } from './http-connection.js';
import type { HttpRequest } from './http-request.js';
import type { HttpResponse } from './http-response.js';

/** Concurrent connections; scrapers and probes are few. */
const MAX_CONNECTIONS = 64;

/** Accept errors repeat for as long as the kernel lacks something. */
const PROBLEM_INTERVAL_MS = 60_000;

/** Events of a metrics server. */
export interface MetricsEvents {
  /** accept(2) failed, such as for lack of descriptors; reported once a minute at most. */
  readonly onMetricsProblem?: (error: Error) => void;
}

export interface MetricsServer extends AsyncDisposable {
  readonly address: Endpoint;
  /** Answers what has arrived, then closes. */
  close(): Promise<void>;
}

export interface MetricsServerOptions extends MetricsEvents {
  /** Where to listen; `::` does not include IPv4. */
  readonly endpoint: Endpoint;
  readonly registry: Registry;
  /** Whether the server answers requests; while it does not, /readyz returns 503. */
  readonly isReady: () => boolean;
  /** Monotonic ms. @default performance.now() */
  readonly now?: () => number;
}

/**
 * Serves /metrics for Prometheus, /healthz and /readyz: one request per connection.
 * Rejects with the system's error when the address cannot be bound.
 */
export async function openMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { endpoint, registry, isReady, now = () => performance.now() } = options;
  const metrics = new CachedText(() => registry.metrics(), now);
  const connections = new ConnectionPool({ capacity: MAX_CONNECTIONS });
  const hashKey = randomHashKey();
  const listener = await openTcpListener({
    endpoint,
    onConnection(socket) {
      connections.admit(socket, connectionSource(socket.remoteAddress, hashKey));
      answerOnce(socket, (request) => answer(request, metrics, registry.contentType, isReady()));
    },
    onError: throttle(PROBLEM_INTERVAL_MS, now, options.onMetricsProblem ?? (() => {})),
  });
  const close = async (): Promise<void> => {
    listener.close();
    await nextTurn();
    await nextTurn(); // Between the two, what has arrived is read.
    connections.closeAll();
  };
  return { address: listener.address, close, [Symbol.asyncDispose]: close };
}

async function answer(
  { method, path }: HttpRequest,
  metrics: CachedText,
  metricsType: string,
  isReady: boolean,
): Promise<HttpResponse> {
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, text: 'GET or HEAD only\n' };
  }
  switch (path) {
    case '/metrics':
      return { status: 200, type: metricsType, text: await metrics.get() };
    case '/healthz':
      return { status: 200, text: 'ok\n' };
    case '/readyz':
      return isReady ? { status: 200, text: 'ready\n' } : { status: 503, text: 'not ready\n' };
    default:
      return { status: 404, text: 'try /metrics, /healthz or /readyz\n' };
  }
}
