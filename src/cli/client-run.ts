import { Client, type ClientEvent, type ClientOptions } from '../client/client.js';
import { STATUS_FORMAT, type Status } from '../client/status/status.js';
import { StatusBook, timeText } from '../client/status/status-book.js';
import { serveStatus } from '../client/status/status-socket.js';
import type { ControlSocket } from '../socket/control-socket.js';
import { isTrustedHolder, lockInterface } from '../socket/interface-lock.js';
import { type Endpoint, formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import type { Device } from '../wireguard/device.js';
import { ClientCounts } from './client-counts.js';
import { EXIT } from './exit-code.js';
import { createLogger } from './log.js';
import type { LogOptions } from './log-options.js';
import { peerLog } from './peer-log.js';
import { endpointText, lackText } from './peer-text.js';
import { stopSignal } from './stop-signal.js';
import { version } from './version.js';

/** Where a client shows what it does. */
interface View {
  observe(event: ClientEvent): void;
  /** Prints a result. */
  print(line: string): void;
  end(): void;
}

/**
 * Runs a client until it is done. Throws what no retry can mend.
 * @returns the exit code
 */
export async function runClient(settings: ClientOptions, flags: LogOptions): Promise<number> {
  const { once, interfaceName: name } = settings;
  const stop = stopSignal();
  takeInterface(name);
  const live = process.stdout.isTTY && flags.logFormat === 'text' && !once;
  const book = new StatusBook({ reasonOf: lackText });
  const startedAt = Date.now();
  const view = live ? await liveView(() => status()) : logView(flags);
  const counts = new ClientCounts();
  const observe = (event: ClientEvent) => {
    counts.observe(event);
    book.observe(event, Date.now());
    view.observe(event);
  };
  let socket: Promise<ControlSocket | undefined> | undefined;
  const client = new Client(settings, (event) => {
    observe(event);
    if (event.type === 'peers') {
      // Not before: the first look at the interface is on the way to the first connection, and may end the run.
      socket ??= serveStatus(name, status).catch(({ message }: Error) => {
        observe({ type: 'problem', topic: 'status', text: message });
        return undefined;
      });
    }
  });
  const status = () => makeStatus(name, client, book, startedAt);
  process.on('SIGUSR1', () => view.print(counts.line(client.peers, flags.logFormat)));
  const outcome = await client.run(stop).finally(async () => {
    view.end();
    (await socket)?.close();
  });
  return outcome === 'stopped' ? EXIT.ok : report(client, outcome === 'connected');
}

/** Prints who is connected, and on stderr why the others are not. Returns the exit code. */
function report(client: Client, isDone: boolean): number {
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

function logView(flags: LogOptions): View {
  return {
    observe: peerLog(createLogger(flags)),
    print: (line) => process.stdout.write(`${line}\n`),
    end() {},
  };
}

async function liveView(status: () => Status): Promise<View> {
  const { LiveView } = await import('./live-view.js');
  return new LiveView(process.stdout, status);
}

/** What `wg-rendezvous status` shows of this client. */
function makeStatus(name: string, client: Client, book: StatusBook, startedAt: number): Status {
  const { device } = client;
  const { counts, peers, problems } = book.report;
  return {
    format: STATUS_FORMAT,
    version: version(),
    time: timeText(Date.now()),
    pid: process.pid,
    startedAt: timeText(startedAt),
    interface: name,
    ...(device === undefined ? {} : interfaceStatus(device)),
    servers: client.servers,
    ...mappingOf(client.observed),
    counts,
    peers,
    problems,
  };
}

function mappingOf(observed: readonly Endpoint[]): Pick<Status, 'mapping'> {
  const entries = observed.map((one) => [`ipv${one.family}`, formatEndpoint(one)] as const);
  return entries.length === 0 ? {} : { mapping: Object.fromEntries(entries) };
}

function interfaceStatus({ publicKey, listenPort, fwmark }: Device) {
  const key = publicKey && formatPublicKey(publicKey);
  return { ...(key === undefined ? {} : { publicKey: key }), listenPort, fwmark };
}
