import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import type { ServiceCounts, SocketCounts } from './counts.js';
import { counter, gauge, PREFIX, samples } from './metric-kinds.js';
import { addSealedMetrics } from './sealed/sealed-metrics.js';

/**
 * The metrics of a server. All are read from its counters when they are asked for, so they cost the
 * path of a datagram nothing. prom-client adds the process's own and the delay of the event loop
 * (perf_hooks.monitorEventLoopDelay).
 */
export function createRegistry(counts: () => ServiceCounts): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  counter(registry, 'requests_total', 'Requests by protocol and outcome', () => {
    const { hits, misses } = counts().classic;
    return samples('outcome', { hit: hits, miss: misses }, { protocol: 'classic' });
  });
  counter(registry, 'registrations_total', 'Registrations by protocol and outcome', () => {
    const { registrations, refreshes, moves, refused } = counts().classic;
    const outcomes = { added: registrations, refreshed: refreshes, moved: moves, refused };
    return samples('outcome', outcomes, { protocol: 'classic' });
  });
  counter(registry, 'dropped_datagrams_total', 'Datagrams lost or not answered, by cause', () => {
    const { classic, sockets } = counts();
    return samples('cause', {
      malformed: classic.malformed,
      source_rate: classic.limited,
      receive_buffer: sockets.kernelDrops,
      send_queue: sockets.sendDrops,
    });
  });
  counter(registry, 'expired_peers_total', 'Entries removed for want of a refresh', () => [
    { labels: {}, value: counts().table.expired },
  ]);
  gauge(registry, 'peers', 'Entries in the table', () => counts().table.peers);
  gauge(registry, 'max_peers', 'Entries that the table may have', () => counts().table.maxPeers);
  gauge(registry, 'table_bytes', 'Memory of the table in bytes', () => counts().table.bytes);
  if (counts().sealed !== undefined) {
    addSealedMetrics(registry, () => counts().sealed);
  }
  registry.registerMetric(batchHistogram(() => counts().sockets));
  return registry;
}

/**
 * Sizes of batches. prom-client's Histogram counts observations one by one and cannot take over counts
 * that exist; of a metric the registry wants no more than its name and get().
 */
function batchHistogram(read: () => SocketCounts): Metric {
  const name = `${PREFIX}batch_size`;
  const help = 'Datagrams that one system call received';
  const get = async () => {
    const { batchSizes, batches, received } = read();
    let below = 0;
    const buckets = batchSizes.map((count, size) => {
      below += count;
      return bucket(name, String(2 ** (size + 1) - 1), below);
    });
    return {
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [
        ...buckets.slice(0, -1), // the last class has no upper end
        bucket(name, '+Inf', batches),
        { metricName: `${name}_sum`, labels: {}, value: received },
        { metricName: `${name}_count`, labels: {}, value: batches },
      ],
    };
  };
  return { name, get } as unknown as Metric;
}

function bucket(name: string, le: string, value: number) {
  return { metricName: `${name}_bucket`, labels: { le }, value };
}
