import type { MetricsServer, MetricsServerOptions } from '../../src/metrics/metrics-server.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { get } from './scrape.js';

const PREFIX = 'wg_rendezvous_';

type Place = Omit<MetricsServerOptions, 'registry'>;

/** All samples of the project's own that a server of metrics has, sorted, without their prefix. */
export async function ownSamples(
  serve: (place: Place) => Promise<MetricsServer>,
): Promise<string[]> {
  await using server = await serve({ endpoint: endpoint('127.0.0.1', 0), isReady: () => true });
  const { text } = await get(server.address, '/metrics');
  const own = text.split('\n').filter((line) => line.startsWith(PREFIX));
  return own.map((line) => line.slice(PREFIX.length)).sort();
}

/** The lines of a text as ownSamples() gives them. */
export function sortedLines(text: string): string[] {
  return text.split('\n').filter(Boolean).sort();
}
