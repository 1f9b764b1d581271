import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Endpoint } from '../wire/endpoint.js';

/** Scrapers and probes are few; more connections than this are refused. */
const MAX_CONNECTIONS = 64;

/** A scraper that sends or reads nothing for so long is let go. */
const IDLE_TIMEOUT_MS = 10_000;

export interface MetricsServer {
  readonly address: Endpoint;
  close(): Promise<void>;
}

/**
 * Serves /metrics for Prometheus, /healthz and /readyz.
 * Rejects with the system's error when the address cannot be bound.
 * @param isReady whether the server answers requests: while it does not, /readyz says 503
 */
export async function openMetricsServer(
  endpoint: Endpoint,
  registry: Registry,
  isReady: () => boolean,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    answer(request, response, registry, isReady).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = IDLE_TIMEOUT_MS;
  server.listen({ host: endpoint.address, port: endpoint.port });
  // once() rejects on 'error', which is how it tells that it cannot bind.
  await once(server, 'listening');
  return {
    address: { ...endpoint, port: (server.address() as AddressInfo).port },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  isReady: () => boolean,
): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    reply(response, 405, 'GET or HEAD only\n');
  } else if (path === '/metrics') {
    response.setHeader('content-type', registry.contentType);
    reply(response, 200, await registry.metrics());
  } else if (path === '/healthz') {
    reply(response, 200, 'ok\n');
  } else if (path === '/readyz') {
    const ready = isReady();
    reply(response, ready ? 200 : 503, ready ? 'ready\n' : 'not ready\n');
  } else {
    reply(response, 404, 'try /metrics, /healthz or /readyz\n');
  }
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  if (!response.hasHeader('content-type')) {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
  }
  response.end(text); // node leaves the body out of the answer to HEAD
}
