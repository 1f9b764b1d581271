import type { Logger } from 'pino';
import type { ServiceOptions } from '../server/options.js';
import { openService, type Service } from '../server/service.js';
import { formatEndpoint } from '../wire/endpoint.js';
import { countsLine } from './counts-line.js';
import { listenError } from './listen-error.js';
import { createLogger } from './log.js';
import type { LogOptions } from './log-options.js';
import { announceAddresses, runUntilStopped, warnOfMissingAddon } from './service-run.js';
import { stopSignal } from './stop-signal.js';

/** Runs a server until it is told to stop. Returns the exit code; throws when it cannot listen. */
export async function runServer(options: ServiceOptions, flags: LogOptions): Promise<number> {
  const stop = stopSignal();
  const service = await open(options);
  announce(service, createLogger(flags));
  return runUntilStopped(service, stop, flags, countsLine);
}

async function open(options: ServiceOptions): Promise<Service> {
  try {
    return await openService(options);
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException);
  }
}

function announce(service: Service, logger: Logger): void {
  announceAddresses(service.addresses);
  if (service.metricsAddress !== undefined) {
    process.stdout.write(`metrics on ${formatEndpoint(service.metricsAddress)}\n`);
  }
  if (!service.batched) {
    warnOfMissingAddon(logger);
  }
}
