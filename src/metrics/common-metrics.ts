import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import type { SocketCounts } from '../socket/socket-counts.js';
import { counter, gauge, PREFIX, samples, total } from './metric-kinds.js';

/**
 * The metrics that all servers share: UDP sockets, the process, and the delay of the event loop
 * (perf_hooks.monitorEventLoopDelay). All are read at each scrape, so they add nothing to the path of a
 * datagram.
 * @param otherDrops datagrams that the server itself dropped, by cause
 */
export function createCommonRegistry(
  sockets: () => Readonly<SocketCounts>,
  otherDrops: () => Readonly<Record<string, number>> = () => ({}),
): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  counter(registry, 'dropped_datagrams_total', 'Datagrams lost or not answered, by cause', () => {
    const { kernelDrops, sendDrops } = sockets();
    const drops = { ...otherDrops(), receive_buffer: kernelDrops, send_queue: sendDrops };
    return samples('cause', drops);
  });
  total(registry, 'socket_errors_total', 'Receives and sends that failed as a whole', () => {
    return sockets().errors;
  });
  gauge(registry, 'receive_buffer_bytes', 'Smallest SO_RCVBUF of a socket, as granted', () => {
    return sockets().receiveBufferBytes;
  });
  gauge(registry, 'send_buffer_bytes', 'Smallest SO_SNDBUF of a socket, as granted', () => {
    return sockets().sendBufferBytes;
  });
  registry.registerMetric(batchHistogram(sockets));
  return registry;
}

/**
 * Sizes of batches. prom-client's Histogram counts observations one by one and cannot adopt existing
 * counts; the registry needs only the name and get() of a metric.
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
