import type { Logger } from 'pino';
import { DEFAULT_RELAY, type RelayOptions, type ServiceOptions } from '../server/options.js';
import type { AllowList } from '../server/sealed/allow-list.js';
import { openService, type Service, type ServiceEvents } from '../server/service.js';
import { formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../wire/key.js';
import { countsLine, statusLine } from './counts-line.js';
import { listenError } from './listen-error.js';
import { createLogger } from './log.js';
import type { LogOptions } from './log-options.js';
import { formatPorts } from './relay-arguments.js';
import { openSealedFiles, readAllowFile, type SealedFiles } from './sealed-files.js';
import { ServiceManager } from './service-manager.js';
import { announce, metricsEvents, runUntilStopped } from './service-run.js';
import { socketErrorLog } from './socket-error-log.js';
import { stopSignal } from './stop-signal.js';
import { storeEvents } from './store-log.js';

/**
 * Runs a server until it is stopped. Returns the exit code; throws when it cannot listen, and when
 * a file cannot be used.
 */
export async function runServer(
  options: ServiceOptions,
  files: SealedFiles | undefined,
  flags: LogOptions,
): Promise<number> {
  const manager = ServiceManager.ofThisProcess();
  const stop = stopSignal();
  const logger = createLogger(flags);
  const sealed = files && (await openSealedFiles(files));
  const events = {
    ...metricsEvents(logger),
    onSocketError: socketErrorLog((line) => logger.warn(line)),
    onHiddenSources: (address: string) => logger.warn(hiddenSourcesText(address)),
    onNoProbePort: (error: NodeJS.ErrnoException) => logger.warn(noProbePortText(error)),
    ...(options.store && storeEvents(options.store, logger)),
  };
  const service = await open({ ...options, ...(sealed && { sealed }) }, events);
  if (files?.allow !== undefined) {
    const path = files.allow;
    const apply = (allow: AllowList) => service.allowOnly(allow);
    process.on('SIGHUP', () => readAllowedAgain(path, 'register', apply, logger, manager));
  }
  if (files?.relay?.allow !== undefined) {
    const path = files.relay.allow;
    const apply = (allow: AllowList) => service.allowRelay(allow);
    process.on('SIGHUP', () => readAllowedAgain(path, 'use the relay', apply, logger, manager));
  }
  announce(service, logger);
  announceFurther(service, options.probe?.optional === true, logger);
  if (sealed !== undefined) {
    announceKey(sealed.key.publicKey, sealed.relay, logger);
  }
  return runUntilStopped(service, stop, flags, { countsLine, statusLine, manager });
}

async function open(options: ServiceOptions, events: ServiceEvents): Promise<Service> {
  try {
    return await openService(options, events);
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException);
  }
}

/** What to do when all keys register from one private address. */
export function hiddenSourcesText(address: string): string {
  return (
    `all clients register from the private address ${address}: a proxy or NAT in front of this server, ` +
    'such as the UDP proxy of a container, hides where they come from, and no peer can reach another; ' +
    "run the server on a public host, in the host's own network"
  );
}

/** One line for each socket that was asked for; the default ones are logged at level debug. */
function announceFurther({ further }: Service, isByDefault: boolean, logger: Logger): void {
  for (const { address, role } of further) {
    const where = formatEndpoint(address);
    if (role === 'probe' && isByDefault) {
      logger.info(
        { port: address.port },
        `second port, where clients learn of their NATs: ${where}`,
      );
    } else {
      process.stdout.write(`listening on ${where}\n`);
    }
  }
}

/** What clients lack where the optional second port cannot be had. */
export function noProbePortText(error: NodeJS.ErrnoException): string {
  return (
    `${listenError(error).message}, with --probe-port PORT, or --probe-port none; ` +
    'until then clients cannot learn from this server alone how their NATs map'
  );
}

function announceKey(key: PublicKey, relay: RelayOptions | undefined, logger: Logger): void {
  const text = formatPublicKey(key);
  const relays = relay && relayText(relay);
  process.stdout.write(`public key ${text}${relays === undefined ? '' : ` (${relays})`}\n`);
  const said = `sealed protocol: clients give --server-key ${text}; ${relays ?? 'does not relay'}`;
  logger.info({ publicKey: text }, said);
}

function relayText({ ports = DEFAULT_RELAY.ports }: RelayOptions): string {
  return `relays on ports ${formatPorts(ports)}`;
}

/** Rereads the list; keeps the previous one if it cannot be used. */
function readAllowedAgain(
  path: string,
  what: string,
  apply: (allow: AllowList) => void,
  logger: Logger,
  manager: ServiceManager,
): void {
  manager.reloading();
  try {
    const allow = readAllowFile(path);
    apply(allow);
    logger.info({ keys: allow.size }, `${path} read again: ${allow.size} keys may ${what}`);
  } catch (error) {
    logger.error(`${(error as Error).message}; the list before stays`);
  }
  manager.ready();
}
