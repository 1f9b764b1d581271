import { Command } from 'commander';
import type { FinderFactory } from '../client/finder.js';
import type { ServerName } from '../client/server-locator.js';
import { namespacePath, useSocketNamespace } from '../socket/network-namespace.js';
import { CLASSIC_PORT } from '../wire/classic.js';
import type { PublicKey } from '../wire/key.js';
import { readAhead } from '../wireguard/read-ahead.js';
import { interfaceName, publicKeyArgument, serverName } from './arguments.js';
import {
  type ClientFlags,
  clientOptions,
  withClientOptions,
  withRefreshOption,
} from './client-options.js';
import { UsageError } from './exit-code.js';

interface Flags extends ClientFlags {
  readonly serverKey?: PublicKey;
  /** Seconds. */
  readonly refresh: number;
}

/** `client INTERFACE SERVER[:PORT]`. */
export function clientCommand(exit: (code: number) => void): Command {
  const command = new Command('client')
    .description('connect the peers of a WireGuard interface (run as root, beside it)')
    .argument('<interface>', 'WireGuard interface, such as wg0', interfaceName)
    .argument('<server[:port]>', 'rendezvous server', serverName(CLASSIC_PORT))
    .option(
      '--server-key <key>',
      "the server's public key: use the sealed protocol",
      publicKeyArgument,
    );
  return withSocketNamespace(withRefreshOption(withClientOptions(command))).action(
    async (name: string, server: ServerName, flags: Flags) => {
      // The client's start is part of the time to connect: what it needs is loaded now, beside `wg`.
      readAhead(name, flags.serverKey !== undefined);
      const [{ runClient }, finder] = await Promise.all([
        import('./client-run.js'),
        finderOf(name, server, flags),
      ]);
      const through = `${server.host}:${server.port}`;
      exit(await runClient(clientOptions(name, finder, flags), through, flags));
    },
  );
}

/** Adds `--socket-namespace`, for an interface that was moved to another namespace after its creation. */
function withSocketNamespace(command: Command): Command {
  return command
    .option(
      '--socket-namespace <name|pid>',
      "the network namespace of WireGuard's UDP socket, where it is not that of the interface",
    )
    .hook('preAction', (self) => {
      const { socketNamespace } = self.opts<{ readonly socketNamespace?: string }>();
      try {
        useSocketNamespace(socketNamespace && namespacePath(socketNamespace));
      } catch (cause) {
        throw new UsageError(`--socket-namespace: ${(cause as Error).message}`, { cause });
      }
    });
}

async function finderOf(
  interfaceName: string,
  server: ServerName,
  { serverKey, once, refresh }: Flags,
): Promise<FinderFactory> {
  const refreshMs = refresh * 1000;
  if (serverKey === undefined) {
    const { classicFinder } = await import('../client/classic/classic-finder.js');
    return classicFinder(server, refreshMs);
  }
  const { sealedFinder } = await import('../client/sealed/sealed-finder.js');
  try {
    // After --once the registration stays, for peers that come later.
    return sealedFinder({ server, serverKey, interfaceName, leaves: !once, refreshMs });
  } catch (cause) {
    throw new UsageError(`--server-key: ${(cause as Error).message}`, { cause });
  }
}
