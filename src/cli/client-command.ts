import { Command } from 'commander';
import type { FinderFactory } from '../client/finder.js';
import type { ServerName } from '../client/server-locator.js';
import { namespacePath, useSocketNamespace } from '../socket/network-namespace.js';
import { CLASSIC_PORT } from '../wire/classic.js';

import { formatPublicKey, type PublicKey } from '../wire/key.js';
import { STUN_PORT } from '../wire/stun.js';
import { readAhead } from '../wireguard/read-ahead.js';
import {
  collect,
  type GivenServer,
  givenServer,
  interfaceName,
  publicKeyArgument,
  serverName,
} from './arguments.js';

import {
  type ClientFlags,
  clientOptions,
  withClientOptions,
  withRefreshOption,
} from './client-options.js';
import { UsageError } from './exit-code.js';
import { SETTINGS_FOLDER, withSettings } from './settings.js';

interface Flags extends ClientFlags {
  readonly serverKey?: PublicKey;
  /** Seconds. */
  readonly refresh: number;
  /** false with --no-relay. */
  readonly relay: boolean;
  readonly stun?: ServerName[];
  /** false with --no-hard-nat. */
  readonly hardNat: boolean;
  /** false with --no-port-mapping. */
  readonly portMapping: boolean;
  /** The servers of the file of settings. */
  readonly servers?: readonly GivenServer[];
}

const SERVERS = {
  attribute: 'servers',
  parse: (text: string, before: unknown) =>
    collect(givenServer(CLASSIC_PORT))(text, before as GivenServer[] | undefined),
} as const;

/** `client INTERFACE [KEY@]SERVER[:PORT]`. */
export function clientCommand(exit: (code: number) => void): Command {
  const command = withSettings(new Command('client'), {
    section: 'Client',
    file: ({ args: [name] }) => `${name}.conf`,
    extras: { Server: SERVERS },
  })
    .description('connect the peers of a WireGuard interface (run as root, beside it)')
    .argument('<interface>', 'WireGuard interface, such as wg0', interfaceName)
    .argument(
      '[[key@]server[:port]]',
      'rendezvous server, with its public key for the sealed protocol (default: from the settings)',
      givenServer(CLASSIC_PORT),
    )
    .option(
      '--server-key <key>',
      "the server's public key: use the sealed protocol",
      publicKeyArgument,
    )
    .option(
      '--stun <host[:port]>',
      'a STUN server to ask how NATs map, besides the rendezvous server; can be repeated',
      collect(serverName(STUN_PORT)),
    )
    .option(
      '--no-hard-nat',
      'open no sockets and probe no ports to get through a NAT with endpoint-dependent mapping',
    )
    .option('--no-port-mapping', "do not ask the router to map WireGuard's port")
    .option(
      '--no-relay',
      'never send by a relay of the server, even to peers without a direct path',
    );
  return withSocketNamespace(withRefreshOption(withClientOptions(command))).action(
    async (name: string, given: GivenServer | undefined, flags: Flags, self: Command) => {
      const server = chosenServer(name, given, flags);
      const serverKey = serverKeyOf(
        server,
        flags,
        self.getOptionValueSource('serverKey') === 'cli',
      );
      // The client's start is part of the time to connect: what it needs is loaded now, beside `wg`.
      readAhead(name, serverKey !== undefined);
      const [{ runClient }, finder] = await Promise.all([
        import('./client-run.js'),
        finderOf(name, server, serverKey, flags),
      ]);
      const options = {
        ...clientOptions(name, finder, flags),
        stunServers: flags.stun ?? [],
        // Peers agree on both through the sealed protocol.
        hardNat: flags.hardNat && serverKey !== undefined,
        portMapping: flags.portMapping && serverKey !== undefined,
      };
      exit(await runClient(options, flags));
    },
  );
}

/** The server of the command line, else the first of the file. */
function chosenServer(
  name: string,
  given: GivenServer | undefined,
  { servers = [], settings }: Flags,
): GivenServer {
  const [first] = servers;
  const server = given ?? first;
  if (server === undefined) {
    const where = `Server = in ${settings?.path ?? `${SETTINGS_FOLDER}/${name}.conf`}`;
    throw new UsageError(`there is no server: give it behind ${name}, or as ${where}`);
  }
  return server;
}

/** The key of the command line, else that of the file; `KEY@` and --server-key are two ways to give one. */
function serverKeyOf(
  { key }: GivenServer,
  { serverKey, servers }: Flags,
  isOption: boolean,
): PublicKey | undefined {
  const isKeyOfFile = servers?.some((server) => server.key === key) ?? false;
  if (key === undefined || (isOption && isKeyOfFile)) {
    return serverKey;
  }
  if (isOption && serverKey !== undefined && formatPublicKey(key) !== formatPublicKey(serverKey)) {
    throw new UsageError('the server is given with another key than --server-key: leave one out');
  }
  return key;
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
  serverKey: PublicKey | undefined,
  { once, refresh, relay }: Flags,
): Promise<FinderFactory> {
  const refreshMs = refresh * 1000;
  if (serverKey === undefined) {
    const { classicFinder } = await import('../client/classic/classic-finder.js');
    return classicFinder(server, refreshMs);
  }
  const { sealedFinder } = await import('../client/sealed/sealed-finder.js');
  try {
    // After --once the registration stays, for peers that come later.
    return sealedFinder({ server, serverKey, interfaceName, leaves: !once, refreshMs, relay });
  } catch (cause) {
    throw new UsageError(`--server-key: ${(cause as Error).message}`, { cause });
  }
}
