import type { Logger } from 'pino';
import type { MetricsEvents } from '../metrics/metrics-server.js';
import { addonProblem } from '../socket/batch-socket.js';
import { type Endpoint, formatEndpoint } from '../wire/endpoint.js';
import { EXIT } from './exit-code.js';
import type { LogOptions } from './log-options.js';

/** A server as the command line sees it. */
interface RunningService<Counts> {
  counts(): Counts;
  close(): Promise<void>;
}

/** A server that has started. */
interface StartedService {
  readonly addresses: readonly Endpoint[];
  readonly metricsAddress: Endpoint | undefined;
  readonly batched: boolean;
}

/** Says where a server listens and has its metrics, and what it lacks. */
export function announce(service: StartedService, logger: Logger): void {
  announceAddresses(service.addresses);
  if (service.metricsAddress !== undefined) {
    process.stdout.write(`metrics on ${formatEndpoint(service.metricsAddress)}\n`);
  }
  if (!service.batched) {
    logger.warn(
      `${addonProblem()}; until then the server is slower, and on a host with several addresses the kernel picks the one that answers`,
    );
  }
}

/** Logs what keeps the metrics from being scraped; the server itself goes on. */
export function metricsEvents(logger: Logger): MetricsEvents {
  return {
    onMetricsProblem: ({ message }) =>
      logger.warn(`metrics cannot be scraped: ${message}; the server goes on`),
  };
}

/** Says where a server listens: one line for each address. */
export function announceAddresses(addresses: readonly Endpoint[]): void {
  for (const address of addresses) {
    process.stdout.write(`listening on ${formatEndpoint(address)}\n`);
  }
}

/** Runs a server until it is told to stop; prints its counts on SIGUSR1 and at the end. */
export async function runUntilStopped<Counts>(
  service: RunningService<Counts>,
  stop: AbortSignal,
  { logFormat }: LogOptions,
  countsLine: (counts: Counts) => string,
): Promise<number> {
  const print = () => {
    const counts = service.counts();
    const line = logFormat === 'json' ? JSON.stringify({ counts }) : countsLine(counts);
    process.stdout.write(`${line}\n`);
  };
  process.on('SIGUSR1', print);
  await new Promise<void>((resolve) => {
    stop.addEventListener('abort', () => resolve());
    if (stop.aborted) {
      resolve();
    }
  });
  await service.close();
  print();
  return EXIT.ok;
}
