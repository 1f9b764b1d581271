import type { Logger } from 'pino';
import type { MetricsEvents } from '../metrics/metrics-server.js';
import { addonProblem } from '../socket/batch-socket.js';
import type { Listening } from '../socket/listening.js';
import { type Endpoint, formatEndpoint } from '../wire/endpoint.js';
import { EXIT } from './exit-code.js';
import type { LineLogger } from './late-logger.js';
import type { LogOptions } from './log-options.js';
import type { ServiceManager } from './service-manager.js';

/** A server as the command line sees it. */
interface RunningService<Counts> {
  counts(): Counts;
  close(): Promise<void>;
}

/** A server that has started. */
interface StartedService extends Listening {
  readonly metricsAddress: Endpoint | undefined;
}

/** Says where a server listens and has its metrics, and what it lacks. */
export function announce(service: StartedService, logger: Logger): void {
  announceAddresses(service);
  if (service.metricsAddress !== undefined) {
    process.stdout.write(`metrics on ${formatEndpoint(service.metricsAddress)}\n`);
  }
  if (!service.batched) {
    logger.warn(
      `${addonProblem()}; until then the server is slower, and on a host with several addresses the kernel picks the one that answers`,
    );
  }
  warnOfShortBuffers(service, logger);
}

/** Logs what keeps the metrics from being scraped; the server itself goes on. */
export function metricsEvents(logger: LineLogger): MetricsEvents {
  return {
    onMetricsProblem: ({ message }) =>
      logger.warn({}, `metrics cannot be scraped: ${message}; the server goes on`),
  };
}

/** Says where a server listens again, and what it lacks there. */
export function announceListening(listening: Listening, logger: Logger): void {
  announceAddresses(listening);
  warnOfShortBuffers(listening, logger);
}

/** One line for each address. */
function announceAddresses({ addresses }: Listening): void {
  for (const address of addresses) {
    process.stdout.write(`listening on ${formatEndpoint(address)}\n`);
  }
}

/** What a queue of the kernel is good for: what is lost without it, and what bounds it. */
const QUEUES = {
  receive: { loss: 'bursts of requests are lost', limit: 'net.core.rmem_max' },
  send: {
    loss: 'replies to spoofed addresses of the local network may fill it, and then no client gets a reply',
    limit: 'net.core.wmem_max',
  },
} as const;

function warnOfShortBuffers({ shortBuffers, batched }: Listening, logger: Logger): void {
  if (shortBuffers.length === 0) {
    return;
  }
  const short = shortBuffers.map(({ queue, askedBytes, grantedBytes }) => {
    return `a ${queue} queue of ${grantedBytes} bytes instead of ${askedBytes} (${QUEUES[queue].loss})`;
  });
  const limits = shortBuffers.map(({ queue, askedBytes }) => {
    return `${QUEUES[queue].limit}=${askedBytes}`;
  });
  // node:dgram does not make use of the capability.
  const grant = batched ? 'start the server with CAP_NET_ADMIN, or ' : '';
  logger.warn(`the kernel grants ${short.join(' and ')}: ${grant}sysctl -w ${limits.join(' ')}`);
}

/** What a server says of itself, and to whom. */
interface ServiceTexts<Counts> {
  /** All counts, for people. */
  readonly countsLine: (counts: Counts) => string;
  /** The state in a few words, for `systemctl status`. */
  readonly statusLine: (counts: Counts) => string;
  readonly manager: ServiceManager;
}

/** How often systemd hears of a server. */
const STATUS_INTERVAL_MS = 2000;

/** Runs a server until it is stopped; prints its counts on SIGUSR1 and at the end. */
export async function runUntilStopped<Counts>(
  service: RunningService<Counts>,
  stop: AbortSignal,
  { logFormat }: LogOptions,
  { countsLine, statusLine, manager }: ServiceTexts<Counts>,
): Promise<number> {
  const print = () => {
    const counts = service.counts();
    const line = logFormat === 'json' ? JSON.stringify({ counts }) : countsLine(counts);
    process.stdout.write(`${line}\n`);
  };
  process.on('SIGUSR1', print);
  const tell = () => {
    manager.status(statusLine(service.counts()));
    manager.alive();
  };
  tell();
  manager.ready();
  const telling = setInterval(tell, STATUS_INTERVAL_MS);
  await new Promise<void>((resolve) => {
    stop.addEventListener('abort', () => resolve());
    if (stop.aborted) {
      resolve();
    }
  });
  clearInterval(telling);
  await Promise.all([service.close(), manager.stopping()]);
  print();
  return EXIT.ok;
}
