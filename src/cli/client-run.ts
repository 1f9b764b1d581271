import { Client, type ClientEvent, type ClientOptions } from '../client/client.js';
import { isTrustedHolder, lockInterface } from '../socket/interface-lock.js';
import { ClientCounts } from './client-counts.js';
import { EXIT } from './exit-code.js';
import { LateLogger } from './late-logger.js';
import type { LogOptions } from './log-options.js';
import { peerLog } from './peer-log.js';
import { endpointText, lackText } from './peer-text.js';
import { stopSignal } from './stop-signal.js';

/** Where a client shows what it does. */
interface View {
  observe(event: ClientEvent): void;
  /** Prints a result. */
  print(line: string): void;
  end(): void | Promise<void>;
}

/**
 * Runs a client until it is done. Throws what no retry can mend.
 * @param through the server, as people know it
 * @returns the exit code
 */
export async function runClient(
  settings: ClientOptions,
  through: string,
  flags: LogOptions,
): Promise<number> {
  const { once, interfaceName: name } = settings;
  const stop = stopSignal();
  takeInterface(name);
  const live = process.stdout.isTTY && flags.logFormat === 'text' && !once;
  const view = live ? await liveTable(`${name} through ${through}`) : logView(flags);
  const counts = new ClientCounts();
  const client = new Client(settings, (event) => {
    counts.observe(event);
    view.observe(event);
  });
  process.on('SIGUSR1', () => view.print(counts.line(client.peers, flags.logFormat)));
  const outcome = await client.run(stop).finally(() => view.end());
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
  const logger = new LateLogger(flags);
  return {
    observe: peerLog(logger),
    print: (line) => process.stdout.write(`${line}\n`),
    end: () => logger.flush(),
  };
}

async function liveTable(title: string): Promise<View> {
  const { PeerTable } = await import('./peer-table.js');
  return new PeerTable(title, process.stdout);
}
