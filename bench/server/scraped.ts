import { setTimeout as delay } from 'node:timers/promises';
import { type Measure, timesAsFast, typical } from '../measure.js';
import { startOurs, startOursWithMetrics } from './subject.js';
import { contender, takeTurns } from './throughput.js';
import type { Tools } from './tools.js';

const QUESTIONS = { keys: 10_000, mode: 'hits' } as const;

/** A slice for each scrape, so that none is without: a median of shorter ones would show nothing. */
const SLICE_SECONDS = 1;

/** The scraper has to share the machine with the load. */
const ANSWER_TIMEOUT_MS = 10_000;

export interface ScrapedResult {
  readonly plain: Measure;
  readonly scraped: Measure;
  readonly scrapedToPlain: number;
}

/** What metrics cost: our server with --metrics, scraped once a second, against ours without. */
export async function measureScraped(tools: Tools, rounds: number): Promise<ScrapedResult> {
  const { server, metricsPort } = await startOursWithMetrics(4 * QUESTIONS.keys);
  await using withMetrics = server;
  await using without = await startOurs(4 * QUESTIONS.keys);
  const plain = contender(without, false);
  const scraped = { ...contender(withMetrics, false), beside: () => scrapeAmid(metricsPort) };
  await takeTurns(tools, [plain, scraped], QUESTIONS, { rounds, seconds: SLICE_SECONDS });
  return {
    plain: typical(plain.slices),
    scraped: typical(scraped.slices),
    scrapedToPlain: timesAsFast(scraped.slices, plain.slices),
  };
}

/** Scrapes in the middle of a slice. Throws when there is no answer in time. */
async function scrapeAmid(port: number): Promise<void> {
  await delay((SLICE_SECONDS * 1000) / 2);
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal });
  if (!answer.ok || !(await answer.text()).includes('requests_total')) {
    throw new Error(`/metrics answers ${answer.status}`);
  }
}
