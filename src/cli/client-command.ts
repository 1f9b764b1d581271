import { Command } from 'commander';
import type { ServerName } from '../client/server-locator.js';
import { CLASSIC_PORT } from '../wire/classic.js';
import { interfaceName, serverName } from './arguments.js';
import { type ClientFlags, clientOptions, withClientOptions } from './client-options.js';

/** `client INTERFACE SERVER[:PORT]`. */
export function clientCommand(exit: (code: number) => void): Command {
  const command = new Command('client')
    .description('connect the peers of a WireGuard interface (run as root, beside it)')
    .argument('<interface>', 'WireGuard interface, such as wg0', interfaceName)
    .argument('<server[:port]>', 'rendezvous server', serverName(CLASSIC_PORT));
  return withClientOptions(command).action(
    async (name: string, server: ServerName, flags: ClientFlags) => {
      // What a command needs is loaded when it runs: the client's start-up is part of the time to connect.
      const [{ runClient }, { classicFinder }] = await Promise.all([
        import('./client-run.js'),
        import('../client/classic/classic-finder.js'),
      ]);
      const through = `${server.host}:${server.port}`;
      exit(await runClient(clientOptions(name, classicFinder(server), flags), through, flags));
    },
  );
}
