import type { Registry } from 'prom-client';
import { createCommonRegistry } from '../metrics/common-metrics.js';
import { counter, gauge, samples, total } from '../metrics/metric-kinds.js';
import {
  type MetricsServer,
  type MetricsServerOptions,
  openMetricsServer,
} from '../metrics/metrics-server.js';
import type { ServiceCounts } from './counts.js';
import { addRelayMetrics } from './relay/relay-metrics.js';
import { addSealedMetrics } from './sealed/sealed-metrics.js';
import { addStoreMetrics } from './store/store-metrics.js';

/** Serves the metrics of a server over HTTP. Rejects as openMetricsServer does. */
export function serveMetrics(
  counts: () => ServiceCounts,
  options: Omit<MetricsServerOptions, 'registry'>,
): Promise<MetricsServer> {
  return openMetricsServer({ ...options, registry: createRegistry(counts) });
}

/** The metrics of a server, each read from its counters at each scrape. */
function createRegistry(counts: () => ServiceCounts): Registry {
  const registry = createCommonRegistry(
    () => counts().sockets,
    () => {
      const { admission, classic, stun } = counts();
      const malformed = admission.malformed + classic.malformed + (stun?.malformed ?? 0);
      return { malformed, source_rate: admission.limited };
    },
  );
  counter(registry, 'requests_total', 'Requests by protocol and outcome', () => {
    const { hits, misses, withheld } = counts().classic;
    const outcomes = { hit: hits, miss: misses - withheld, withheld };
    return samples('outcome', outcomes, { protocol: 'classic' });
  });
  counter(registry, 'registrations_total', 'Registrations by protocol and outcome', () => {
    const { registrations, refreshes, moves, refused } = counts().classic;
    const outcomes = { added: registrations, refreshed: refreshes, moved: moves, refused };
    return samples('outcome', outcomes, { protocol: 'classic' });
  });
  const expired = () => counts().table.expired;
  total(registry, 'expired_peers_total', 'Entries removed for want of a refresh', expired);
  gauge(registry, 'peers', 'Entries in the table', () => counts().table.peers);
  gauge(registry, 'max_peers', 'Entries that the table may have', () => counts().table.maxPeers);
  gauge(registry, 'table_bytes', 'Memory of the table in bytes', () => counts().table.bytes);
  if (counts().stun !== undefined) {
    addStunMetrics(registry, () => counts().stun);
  }
  if (counts().sealed !== undefined) {
    addSealedMetrics(registry, () => counts().sealed);
  }
  if (counts().relay !== undefined) {
    addRelayMetrics(registry, () => counts().relay);
  }
  if (counts().store !== undefined) {
    addStoreMetrics(registry, () => counts().store);
  }
  return registry;
}

function addStunMetrics(registry: Registry, counts: () => ServiceCounts['stun']): void {
  counter(registry, 'stun_requests_total', 'STUN Binding requests by outcome', () => {
    const { answered = 0, changed = 0, unknownAttributes = 0 } = counts() ?? {};
    const outcomes = {
      answered: answered - changed,
      changed,
      unknown_attributes: unknownAttributes,
    };
    return samples('outcome', outcomes, {});
  });
}
