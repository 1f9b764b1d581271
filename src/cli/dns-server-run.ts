import type { Logger } from 'pino';
import type { RegistryCounts } from '../dns/counts.js';
import { readZoneKey } from '../dns/dnssec/key-file.js';
import { OnlineSigner } from '../dns/dnssec/online-signer.js';
import type { RegistryServiceOptions, SelfOptions } from '../dns/options.js';
import { openRegistry, type RegistryEvents, type RegistryService } from '../dns/service.js';
import type { Endpoint } from '../wire/endpoint.js';
import { WgError } from '../wireguard/wg-error.js';
import { socketCounts } from './counts-line.js';
import { listenError } from './listen-error.js';
import { createLogger } from './log.js';
import type { LogOptions } from './log-options.js';
import { usable } from './sealed-files.js';
import { ServiceManager } from './service-manager.js';
import { announce, announceListening, metricsEvents, runUntilStopped } from './service-run.js';
import { socketErrorLog } from './socket-error-log.js';
import { stopSignal } from './stop-signal.js';

/** The options of `dns server`. */
export interface DnsServerFlags extends LogOptions {
  readonly zone: string[];
  readonly interface: string;
  readonly listen?: Endpoint[];
  readonly self?: SelfOptions[];
  readonly tunnelOnly?: true;
  readonly public?: true;
  readonly dnssec?: string;
  readonly maxAge: number;
  readonly maxStale: number;
  readonly metrics?: Endpoint;
  readonly sourceRate: number;
  readonly sourceBurst: number;
  readonly replyRate: number;
  readonly receiveBuffer: number;
}

/** Runs a registry server until a stop signal. Returns the exit code; throws if it cannot start. */
export async function runDnsServer(
  options: RegistryServiceOptions,
  flags: DnsServerFlags,
): Promise<number> {
  const manager = ServiceManager.ofThisProcess();
  const stop = stopSignal();
  const logger = createLogger(flags);
  const service = await open(
    { ...options, ...signerOption(flags) },
    registryEvents(options, logger),
  );
  announce(service, logger);
  return runUntilStopped(service, stop, flags, {
    countsLine: registryCountsLine,
    statusLine: ({ readings }) => `${readings.done} readings of WireGuard`,
    manager,
  });
}

function signerOption({ dnssec }: DnsServerFlags): Pick<RegistryServiceOptions, 'signer'> {
  if (dnssec === undefined) {
    return {};
  }
  return {
    signer: new OnlineSigner(
      usable(() => readZoneKey(dnssec)),
      Date.now,
    ),
  };
}

async function open(
  options: RegistryServiceOptions,
  events: RegistryEvents,
): Promise<RegistryService> {
  try {
    return await openRegistry(options, events);
  } catch (error) {
    throw error instanceof WgError ? error : listenError(error as NodeJS.ErrnoException);
  }
}

function registryEvents(
  { interfaceName, maxStaleMs = 0 }: RegistryServiceOptions,
  logger: Logger,
): RegistryEvents {
  return {
    ...metricsEvents(logger),
    onListening: (listening) => announceListening(listening, logger),
    onSocketError: socketErrorLog((line) => logger.warn(line)),
    onProblem: (reason) => logger.warn(`not listening: ${reason}`),
    onDeviceProblem(problem) {
      if (problem === undefined) {
        logger.info(`${interfaceName} can be read in time again`);
        return;
      }
      const { error, answers } = problem;
      const effect =
        answers === 'servfail'
          ? 'until it can be read, queries are answered SERVFAIL'
          : `answers come from the last reading, for up to ${maxStaleMs / 1000} s (--max-stale)`;
      logger.warn(`${error.message}; ${effect}`);
    },
  };
}

/** The counts of a registry server in one line of text. */
function registryCountsLine({ answers, readings, tcp, sockets }: RegistryCounts): string {
  const { crowdedOut, limitedReplies, ...others } = answers;
  const counts = {
    ...others,
    'limited replies': limitedReplies,
    'crowded out': crowdedOut,
    readings: readings.done,
    'failed readings': readings.failed,
    'TCP connections': tcp.accepted,
    displaced: tcp.displaced,
    ...socketCounts(sockets),
  };
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return `counts: ${parts.join(', ')}`;
}
