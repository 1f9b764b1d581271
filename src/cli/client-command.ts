import { Command } from 'commander';
import type { FinderFactory } from '../client/finder.js';
import type { ServerName } from '../client/server-locator.js';
import { MAX_SERVERS } from '../client/servers/max-servers.js';
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

import { type ChosenServers, chooseServers, nameOfServer } from './chosen-servers.js';
import {
  type ClientFlags,
  clientOptions,
  withClientOptions,
  withRefreshOption,
} from './client-options.js';
import { UsageError } from './exit-code.js';
import { SETTINGS_FOLDER, withSettings } from './settings.js';

interface Flags extends ClientFlags {
  readonly serverKey?: readonly PublicKey[];
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

/** `client INTERFACE [KEY@]SERVER[:PORT]...`. */
export function clientCommand(exit: (code: number) => void): Command {
  const command = withSettings(new Command('client'), {
    section: 'Client',
    file: ({ args: [name] }) => `${name}.conf`,
    extras: { Server: SERVERS },
  })
    .description('connect the peers of a WireGuard interface (run as root, beside it)')
    .argument('<interface>', 'WireGuard interface, such as wg0', interfaceName)
    .argument(
      '[[key@]server[:port]...]',
      `rendezvous servers, at most ${MAX_SERVERS}, with their public keys for the sealed protocol (default: from the settings)`,
      collect(givenServer(CLASSIC_PORT)),
    )
    .option(
      '--server-key <key>',
      "the server's public key: use the sealed protocol; can be repeated, once for each server without KEY@",
      collect(publicKeyArgument),
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
    async (name: string, given: GivenServer[] | undefined, flags: Flags, self: Command) => {
      const chosen = serversOf(name, given ?? [], flags, self);
      const isSealed = chosen.protocol === 'sealed';
      // The client's start is part of the time to connect: load what it needs now, while `wg` runs.
      readAhead(name, isSealed);
      const [{ runClient }, finder] = await Promise.all([
        import('./client-run.js'),
        finderOf(name, chosen, flags),
      ]);
      const options = {
        ...clientOptions(name, finder, flags),
        stunServers: flags.stun ?? [],
        // Peers agree on both through the sealed protocol.
        hardNat: flags.hardNat && isSealed,
        portMapping: flags.portMapping && isSealed,
      };
      exit(await runClient(options, flags));
    },
  );
}

/** The servers of the command line, else those of the file, with their keys. */
function serversOf(name: string, given: readonly GivenServer[], flags: Flags, self: Command) {
  const { servers: ofFile = [], serverKey: keys = [], settings } = flags;
  const isServersOfFile = given.length === 0;
  const servers = isServersOfFile ? ofFile : given;
  if (servers.length === 0) {
    const where = `Server = in ${settings?.path ?? `${SETTINGS_FOLDER}/${name}.conf`}`;
    throw new UsageError(`there is no server: give it behind ${name}, or as ${where}`);
  }
  const isKeysOfFile = self.getOptionValueSource('serverKey') !== 'cli';
  // A key in the file applies to servers without one.
  const hasRoom = !isKeysOfFile || servers.some(({ key }) => key === undefined);
  return chooseServers({ servers, isServersOfFile, keys: hasRoom ? keys : [], isKeysOfFile });
}

/** Adds `--socket-namespace`, for an interface that was moved to another namespace after its creation. */
function withSocketNamespace(command: Command): Command {
  return command
    .option(
      '--socket-namespace <name|pid>',
      "the network namespace of WireGuard's UDP socket, if it is not that of the interface",
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
  chosen: ChosenServers,
  { once, refresh, relay }: Flags,
): Promise<FinderFactory> {
  const refreshMs = refresh * 1000;
  let finders: readonly FinderFactory[];
  if (chosen.protocol === 'classic') {
    const { classicFinder } = await import('../client/classic/classic-finder.js');
    finders = chosen.servers.map((server) => classicFinder(server, refreshMs));
  } else {
    const { sealedFinders } = await import('../client/sealed/sealed-finder.js');
    try {
      // After --once the registration stays, for peers that come later.
      const options = { interfaceName, leaves: !once, refreshMs, relay };
      finders = sealedFinders(chosen.servers, options);
    } catch (cause) {
      throw new UsageError(`--server-key: ${(cause as Error).message}`, { cause });
    }
  }
  const [first] = finders;
  if (first !== undefined && finders.length === 1) {
    return first;
  }
  const { joinedFinder } = await import('../client/servers/joined-finder.js');
  const servers: readonly GivenServer[] = chosen.servers;
  return joinedFinder(
    finders.map((finder, i) => {
      const server = servers[i]!;
      const name = nameOfServer(server);
      return { name, rank: server.key === undefined ? name : formatPublicKey(server.key), finder };
    }),
  );
}
