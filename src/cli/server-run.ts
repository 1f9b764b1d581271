import type { Logger } from 'pino';
import type { ServiceCounts } from '../server/counts.js';
import type { ServiceOptions } from '../server/options.js';
import { openService, type Service } from '../server/service.js';
import { endpoint, formatEndpoint } from '../wire/endpoint.js';
import { countsLine } from './counts-line.js';
import { EXIT, UsageError } from './exit-code.js';
import { createLogger } from './log.js';
import type { LogOptions } from './log-options.js';
import { stopSignal } from './stop-signal.js';

/** Runs a server until it is told to stop. Returns the exit code; throws when it cannot listen. */
export async function runServer(options: ServiceOptions, flags: LogOptions): Promise<number> {
  const stop = stopSignal();
  const service = await open(options);
  announce(service, createLogger(flags));
  const print = () => printCounts(service.counts(), flags);
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

async function open(options: ServiceOptions): Promise<Service> {
  try {
    return await openService(options);
  } catch (error) {
    throw explain(error as NodeJS.ErrnoException);
  }
}

/** An error of listening, with the address and what to do. */
function explain(error: NodeJS.ErrnoException & { address?: string; port?: number }): Error {
  if (error instanceof RangeError) {
    return new UsageError(error.message);
  }
  const advice = ADVICE[error.code ?? ''];
  if (advice === undefined || error.address === undefined) {
    return error;
  }
  const where = formatEndpoint(endpoint(error.address, error.port ?? 0));
  return new UsageError(`cannot listen on ${where} (${error.code}): ${advice}`);
}

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; stop what uses it (ss -lunp, ss -ltnp) or choose another',
  EADDRNOTAVAIL: 'this host has no such address; see ip address',
  EACCES: 'a port below 1024 needs CAP_NET_BIND_SERVICE; run as root or choose another',
  EINVAL: 'a link-local address needs its zone, as in [fe80::1%eth0]:49918',
  ENODEV: 'this host has no such interface; see ip link',
  EAFNOSUPPORT: 'this host lacks that address family',
};

function announce(service: Service, logger: Logger): void {
  for (const address of service.addresses) {
    process.stdout.write(`listening on ${formatEndpoint(address)}\n`);
  }
  if (service.metricsAddress !== undefined) {
    process.stdout.write(`metrics on ${formatEndpoint(service.metricsAddress)}\n`);
  }
  if (!service.batched) {
    logger.warn(
      'the addon was not built for this Node (in the checkout: make addon): the server is slower, and on a host with several addresses the kernel picks the one that answers',
    );
  }
}

function printCounts(counts: ServiceCounts, { logFormat }: LogOptions): void {
  const line = logFormat === 'json' ? JSON.stringify({ counts }) : countsLine(counts);
  process.stdout.write(`${line}\n`);
}
