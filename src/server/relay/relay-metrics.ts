import type { Registry } from 'prom-client';
import { counter, gauge, samples, total } from '../../metrics/metric-kinds.js';
import type { RelayCounts, RelaySizes } from './relay-counts.js';

type Counts = Readonly<RelayCounts> & RelaySizes;

/** Adds the metrics of the relay; read from its counters when they are asked for. */
export function addRelayMetrics(registry: Registry, counts: () => Counts | undefined): void {
  const read = () => counts() as Counts;
  total(registry, 'relay_datagrams_total', 'Datagrams that were relayed', () => read().forwarded);
  total(registry, 'relay_bytes_total', 'Bytes of WireGuard that were relayed', () => {
    return read().forwardedBytes;
  });
  counter(registry, 'relay_dropped_total', 'Datagrams at relay ports not relayed, by cause', () => {
    const it = read();
    return samples('cause', {
      foreign: it.foreign,
      oversize: it.oversize,
      unbound_source: it.unbound,
      unbound_peer: it.peerUnbound,
      pair_rate: it.pairRate,
      total_rate: it.totalRate,
    });
  });
  counter(registry, 'relay_binds_total', 'Binds by outcome', () => {
    const it = read();
    return samples('outcome', {
      bound: it.bound,
      challenged: it.challenged,
      forged: it.bindsForged,
      repeated: it.bindsRepeated,
      source_rate: it.bindsLimited,
      side_rate: it.bindsExcessive,
    });
  });
  counter(registry, 'relay_requests_total', 'Pairs that a client asked for, by outcome', () => {
    const { allocated, full, notAllowed } = read();
    return samples('outcome', { allocated, full, not_allowed: notAllowed });
  });
  total(registry, 'relay_moves_total', 'Bindings that moved to another source', () => read().moved);
  total(registry, 'relay_expired_total', 'Bindings that ended for want of datagrams', () => {
    return read().expired;
  });
  gauge(registry, 'relay_pairs', 'Pairs that have a relay port now', () => read().pairs);
  gauge(registry, 'relay_bindings', 'Sides of pairs that are bound now', () => read().bindings);
}
