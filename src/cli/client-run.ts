import { Client, type ClientEvent } from '../client/client.js';
import { StatusBook } from '../client/status/status-book.js';
import { serveStatus } from '../client/status/status-socket.js';
import { observeTraces } from '../client/trace.js';
import type { MetricsServer } from '../metrics/metrics-server.js';
import type { ControlSocket } from '../socket/control-socket.js';
import { isTrustedHolder, lockInterface } from '../socket/interface-lock.js';
import { formatEndpoint } from '../wire/endpoint.js';
import { ClientCounts } from './client-counts.js';
import type { ClientFlags, RunOptions } from './client-options.js';
import { reloadNames } from './client-reload.js';
import { makeStatus } from './client-status.js';
import { liveView, logView } from './client-view.js';
import { daemonIsReady, isDaemon, removePidFile, startDaemon } from './daemon.js';
import { EXIT } from './exit-code.js';
import { LateLogger, type LineLogger } from './late-logger.js';
import { listenError } from './listen-error.js';
import { endpointText, lackText, reasonText } from './peer-text.js';
import { ServiceManager } from './service-manager.js';
import { metricsEvents } from './service-run.js';
import { stopSignal } from './stop-signal.js';
import { traceLog } from './trace-log.js';

/**
 * Runs a client until it is done; with --background, starts one that keeps running. Throws errors that no retry
 * can fix.
 * @returns the exit code
 */
export async function runClient(settings: RunOptions, flags: ClientFlags): Promise<number> {
  const { interfaceName } = settings;
  if (!flags.background) {
    takeInterface(interfaceName);
    return run(settings, flags);
  }
  if (!isDaemon()) {
    return startDaemon();
  }
  const holder = lockInterface(interfaceName);
  if (holder !== undefined) {
    // A client runs, which is what was asked for: a hook of wg-quick must not fail for it.
    process.stderr.write(`a client (pid ${holder.pid}) manages ${interfaceName} already\n`);
    return EXIT.ok;
  }
  return run(settings, flags).finally(() => removePidFile(interfaceName));
}

async function run(settings: RunOptions, flags: ClientFlags): Promise<number> {
  const { once, interfaceName: name, names } = settings;
  const manager = ServiceManager.ofThisProcess();
  const stop = stopSignal();
  const logger = new LateLogger(flags, flags.background ? 'syslog' : 'stderr');
  const live = process.stdout.isTTY && flags.logFormat === 'text' && !once;
  const book = new StatusBook({ reasonOf: reasonText, nameOf: (key) => names.get(key) });
  const startedAt = Date.now();
  const view = live
    ? await liveView(() => status())
    : logView(logger, names, flags.background === true);
  if (flags.logLevel === 'debug' || flags.logLevel === 'trace') {
    observeTraces(traceLog(logger, names));
  }
  const counts = new ClientCounts();
  const watchers: ((event: ClientEvent) => void)[] = [
    (event) => counts.observe(event),
    (event) => book.observe(event, Date.now()),
    (event) => view.observe(event),
  ];
  const observe = (event: ClientEvent) => {
    for (const watch of watchers) {
      watch(event);
    }
  };
  let socket: Promise<ControlSocket | undefined> | undefined;
  const client = new Client(settings, (event) => {
    observe(event);
    if (event.type === 'peers') {
      // Not before: the first inspection of the interface is on the way to the first connection, and may end
      // the run.
      socket ??= serveStatus(name, status).catch(({ message }: Error) => {
        observe({ type: 'problem', topic: 'status', text: message });
        return undefined;
      });
      // The first update, possibly without peers, follows the first look at the interface.
      tellManager(manager, client, flags, name);
    }
  });
  const status = () => makeStatus(name, client, book, startedAt);
  stop.addEventListener('abort', () => void manager.stopping());
  process.on('SIGUSR1', () => view.print(counts.line(client.peers, flags.logFormat)));
  process.on('SIGHUP', () => {
    manager.reloading();
    reloadNames(flags.settings, names, logger);
    manager.ready();
  });
  let metrics: MetricsServer | undefined;
  try {
    metrics = await openMetrics(flags, client, watchers, logger);
    if (metrics !== undefined) {
      view.print(`metrics on ${formatEndpoint(metrics.address)}`);
    }
    const outcome = await client.run(stop);
    view.end();
    return outcome === 'stopped' ? EXIT.ok : report(client, outcome === 'connected', flags);
  } catch (error) {
    view.end();
    if (flags.background) {
      logger.error({}, (error as Error).message);
    }
    throw error;
  } finally {
    (await socket)?.close();
    await metrics?.close();
    await logger.flush();
  }
}

/** After the first call this client is ready, even if the interface cannot be used yet. */
function tellManager(
  manager: ServiceManager,
  client: Client,
  { background }: ClientFlags,
  name: string,
): void {
  manager.status(statusText(client));
  if (!manager.isReady) {
    manager.ready();
    if (background) {
      daemonIsReady(name);
    }
  }
  manager.alive();
}

function statusText({ peers, servers, problems }: Client): string {
  const connected = peers.filter(({ state }) => state === 'connected').length;
  const answering = servers.filter(({ state }) => state === 'answers').length;
  return [
    `${connected} of ${peers.length} peers connected`,
    ...(servers.length > 1 ? [`${answering} of ${servers.length} servers answer`] : []),
    ...problems,
  ].join('; ');
}

/** Undefined without --metrics. Rejects with a UsageError if the address cannot be used. */
async function openMetrics(
  { metrics: endpoint }: ClientFlags,
  client: Client,
  watchers: ((event: ClientEvent) => void)[],
  logger: LineLogger,
): Promise<MetricsServer | undefined> {
  if (endpoint === undefined) {
    return undefined;
  }
  const { ClientMetrics } = await import('./client-metrics.js');
  const metrics = new ClientMetrics(client);
  watchers.push((event) => metrics.observe(event));
  try {
    return await metrics.open({ ...metricsEvents(logger), endpoint });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException);
  }
}

/** Prints who is connected, and on stderr why the others are not. Returns the exit code. */
function report(client: Client, isDone: boolean, { peersOnly }: ClientFlags): number {
  const { peers } = client;
  for (const peer of peers.filter(({ state }) => state === 'connected')) {
    process.stdout.write(`${peer.name} connected ${endpointText(peer)}\n`);
  }
  if (isDone) {
    return EXIT.ok;
  }
  const lacking = peers.filter(({ state }) => state !== 'connected');
  const reasons = [
    ...client.problems,
    ...lacking.map((peer) => `peer ${peer.name}: no fresh handshake: ${lackText(peer)}`),
  ];
  if (!peersOnly && !client.hasAnswered && lacking.length === 0 && peers.length > 0) {
    reasons.push(
      'the server has not answered: all peers were connected already without it (with --peers-only that is enough)',
    );
  }
  for (const reason of reasons) {
    process.stderr.write(`${reason}\n`);
  }
  return reasons.length === 0 && peers.length > 0 ? EXIT.ok : EXIT.timeout;
}

/**
 * Two clients on one interface would take each other's session with the server, and each other's replies.
 * Throws an error that names the process which manages the interface.
 */
function takeInterface(name: string): void {
  const holder = lockInterface(name);
  if (holder === undefined) {
    return;
  }
  const who = holder.pid === 0 ? 'in another PID namespace' : `pid ${holder.pid}`;
  if (isTrustedHolder(holder) || holder.uid < 0) {
    throw new Error(`another client (${who}) manages ${name}: stop it first`);
  }
  process.stderr.write(
    `user ${holder.uid} (${who}) pretends to be a client of ${name}: going on without a lock\n`,
  );
}
