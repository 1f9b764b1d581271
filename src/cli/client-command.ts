import { Command } from 'commander';
import type { ClientOptions } from '../client/client.js';
import type { FinderFactory } from '../client/finder.js';
import type { ServerName } from '../client/server-locator.js';
import { collect, decimal, interfaceName, keepalive, peerKey, serverName } from './arguments.js';
import type { LogOptions } from './log-options.js';

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
      // What a command needs is loaded when it runs: the client's start-up is part of the time to connect.
      const [{ runClient }, { classicFinder }] = await Promise.all([
        import('./client-run.js'),
        import('../client/classic/classic-finder.js'),
      ]);
      const through = `${server.host}:${server.port}`;
      exit(await runClient(options(name, classicFinder(server), flags), through, flags));
    });
}

function options(name: string, finder: FinderFactory, flags: Flags): ClientOptions {
  const timeout = flags.timeout ?? (flags.once ? DEFAULT_ONCE_TIMEOUT : undefined);
  return {
    interfaceName: name,
    finder,
    once: flags.once ?? false,
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    keepalive: flags.keepalive,
    only: flags.peer === undefined ? undefined : new Set(flags.peer),
  };
}
