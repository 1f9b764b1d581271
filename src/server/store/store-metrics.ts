import type { Registry } from 'prom-client';
import { counter, gauge, samples, total } from '../../metrics/metric-kinds.js';
import type { StoreCounts, StoreSizes } from './store-counts.js';

type Counts = Readonly<StoreCounts> & StoreSizes;

const COUNTERS = [
  ['store_attempts_total', 'attempts', 'Attempts to connect with the store'],
  ['store_connections_total', 'connected', 'Connections with the store that came up'],
  ['store_lost_connections_total', 'lost', 'Connections with the store that ended'],
  ['store_messages_sent_total', 'messagesSent', 'Messages to other servers'],
  ['store_malformed_total', 'malformed', 'Malformed data, read from the store or from messages'],
  ['store_dropped_total', 'dropped', 'News and lookups dropped for lack of room'],
  ['store_superseded_total', 'superseded', 'Clients that registered elsewhere'],
] as const;

const GAUGES = [
  ['store_up', 'up', '1 while the store is reachable'],
  ['store_writable', 'writable', '1 while the store accepts writes'],
  ['store_in_flight', 'inFlight', 'Commands that the store has not answered yet'],
  ['store_queued', 'queued', 'Clients, wants and news that wait for the store'],
  ['store_servers', 'servers', 'Other servers that were heard'],
  ['store_remote_peers', 'remotePeers', 'Wants whose peers are with other servers'],
] as const;

/** Adds the metrics of the store; read from its counters at each scrape. */
export function addStoreMetrics(registry: Registry, counts: () => Counts | undefined): void {
  const read = () => counts() as Counts;
  counter(registry, 'store_commands_total', 'Commands for the store by outcome', () => {
    const { commands, errors } = read();
    return samples('outcome', { answered: commands - errors, refused: errors });
  });
  counter(registry, 'store_entries_total', 'Entries of the store by what was done', () => {
    const it = read();
    return samples('operation', {
      published: it.published,
      refreshed: it.refreshed,
      removed: it.removed,
      looked_up: it.lookups,
      classic_published: it.classicPublished,
      classic_looked_up: it.classicLookups,
      classic_hit: it.classicHits,
    });
  });
  counter(registry, 'store_news_total', 'News about pairs by direction', () => {
    const { newsSent: sent, newsReceived: received } = read();
    return samples('direction', { sent, received });
  });
  for (const [name, field, help] of COUNTERS) {
    total(registry, name, help, () => read()[field]);
  }
  for (const [name, field, help] of GAUGES) {
    gauge(registry, name, help, () => read()[field]);
  }
}
