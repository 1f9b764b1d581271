import type { Registry } from 'prom-client';
import { createCommonRegistry } from '../metrics/common-metrics.js';
import { counter, gauge, samples, total } from '../metrics/metric-kinds.js';
import {
  type MetricsServer,
  type MetricsServerOptions,
  openMetricsServer,
} from '../metrics/metrics-server.js';
import type { AnswerCounts, RegistryCounts } from './counts.js';

const TRANSPORTS = ['udp', 'tcp'] as const;

/** Serves the metrics of a registry server over HTTP. Rejects as openMetricsServer does. */
export function serveRegistryMetrics(
  counts: () => RegistryCounts,
  options: Omit<MetricsServerOptions, 'registry'>,
): Promise<MetricsServer> {
  return openMetricsServer({ ...options, registry: createRegistry(counts) });
}

/** The metrics of a registry server, read from its counters at each scrape. */
function createRegistry(counts: () => RegistryCounts): Registry {
  const registry = createCommonRegistry(() => counts().sockets);
  counter(registry, 'dns_queries_total', 'Queries by transport and outcome', () => {
    const { byTransport } = counts();
    return TRANSPORTS.flatMap((transport) =>
      samples('outcome', outcomes(byTransport[transport]), { transport }),
    );
  });
  counter(registry, 'dns_truncated_replies_total', 'Replies that said TC, by transport', () => {
    const { udp, tcp } = counts().byTransport;
    return samples('transport', { udp: udp.truncated, tcp: tcp.truncated });
  });
  counter(registry, 'dns_limited_replies_total', 'Replies cut to TC by the reply rate', () => {
    const { udp, tcp } = counts().byTransport;
    return samples('transport', { udp: udp.limitedReplies, tcp: tcp.limitedReplies });
  });
  counter(registry, 'dns_stale_replies_total', 'Replies from an outdated reading', () => {
    const { udp, tcp } = counts().byTransport;
    return samples('transport', { udp: udp.stale, tcp: tcp.stale });
  });
  counter(registry, 'dns_tcp_connections_total', 'TCP connections by outcome', () => {
    const { accepted, displaced } = counts().tcp;
    return samples('outcome', { accepted, displaced });
  });
  gauge(registry, 'dns_open_tcp_connections', 'TCP connections now', () => counts().tcp.open);
  total(registry, 'dns_device_readings_total', 'Readings of the WireGuard interface', () => {
    return counts().readings.done;
  });
  total(registry, 'dns_device_reading_failures_total', 'Those that failed', () => {
    return counts().readings.failed;
  });
  return registry;
}

/** Each query counts for exactly one outcome. */
function outcomes(counts: Readonly<AnswerCounts>): Record<string, number> {
  return {
    answered: counts.answered,
    nodata: counts.nodata,
    nxdomain: counts.nxdomain,
    refused: counts.refused,
    servfail: counts.servfail,
    formerr: counts.formerr,
    notimp: counts.notimp,
    badvers: counts.badvers,
    ignored: counts.ignored,
    limited: counts.limited,
    crowded_out: counts.crowdedOut,
  };
}
