import { Command } from 'commander';
import { Client, type ClientOptions } from '../client/client.js';
import type { ServerName } from '../client/server-locator.js';
import { collect, decimal, interfaceName, keepalive, peerKey, serverName } from './arguments.js';
import { EXIT } from './exit-code.js';
import { createLogger, type LogOptions } from './log.js';
import { peerLog } from './peer-log.js';
import { endpointText, lackText } from './peer-text.js';
import { stopSignal } from './stop-signal.js';

const DEFAULT_KEEPALIVE = 25;
const DEFAULT_ONCE_TIMEOUT = 60;
const MAX_TIMEOUT = 2_000_000;

interface Flags extends LogOptions {
  readonly once?: true;
  readonly timeout?: number;
  readonly peer?: string[];
  readonly keepalive: number;
}

/** `client INTERFACE SERVER[:PORT]`. */
export function clientCommand(exit: (code: number) => void): Command {
  return new Command('client')
    .description('connect the peers of a WireGuard interface (run as root, beside it)')
    .argument('<interface>', 'WireGuard interface, such as wg0', interfaceName)
    .argument('<server[:port]>', 'rendezvous server', serverName)
    .option(
      '--once',
      'exit 0 when every peer has a fresh handshake, 3 when the timeout passes first',
    )
    .option(
      '--timeout <seconds>',
      `how long to run at most (default with --once: ${DEFAULT_ONCE_TIMEOUT})`,
      decimal(0, MAX_TIMEOUT),
    )
    .option('--peer <key>', 'manage only this peer; can be repeated', collect(peerKey))
    .option(
      '--keepalive <seconds>',
      'persistent keepalive for peers that have none; 0 leaves them without',
      keepalive,
      DEFAULT_KEEPALIVE,
    )
    .action(async (name: string, server: ServerName, flags: Flags) => {
      exit(await runClient(options(name, server, flags), flags));
    });
}

function options(name: string, server: ServerName, flags: Flags): ClientOptions {
  const timeout = flags.timeout ?? (flags.once ? DEFAULT_ONCE_TIMEOUT : undefined);
  return {
    interfaceName: name,
    server,
    once: flags.once ?? false,
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    keepalive: flags.keepalive,
    only: flags.peer === undefined ? undefined : new Set(flags.peer),
  };
}

async function runClient(settings: ClientOptions, flags: Flags): Promise<number> {
  const { once, interfaceName: name, server } = settings;
  const live = process.stdout.isTTY && flags.logFormat === 'text' && !once;
  const title = `${name} through ${server.host}:${server.port}`;
  const view = live ? await liveTable(title) : { observe: peerLog(createLogger(flags)), end() {} };
  const client = new Client(settings, view.observe);
  const outcome = await client.run(stopSignal()).finally(view.end);
  if (outcome === 'stopped') {
    return EXIT.ok;
  }
  const lacking = client.peers.filter(({ state }) => state !== 'connected');
  const done = client.peers.filter((peer) => !lacking.includes(peer));
  for (const peer of done) {
    process.stdout.write(`${peer.name} connected ${endpointText(peer)}\n`);
  }
  if (outcome === 'connected') {
    return EXIT.ok;
  }
  const reasons = [
    ...client.problems,
    ...lacking.map((peer) => `peer ${peer.name}: no fresh handshake: ${lackText(peer)}`),
  ];
  for (const reason of reasons) {
    process.stderr.write(`${reason}\n`);
  }
  return reasons.length === 0 && done.length > 0 ? EXIT.ok : EXIT.timeout;
}

async function liveTable(title: string) {
  const { PeerTable } = await import('./peer-table.js');
  const table = new PeerTable(title, process.stdout);
  return {
    observe: table.observe.bind(table),
    end: table.end.bind(table),
  };
}
