import { MAX_SERVERS } from '../client/servers/max-servers.js';
import { formatPublicKey, type PublicKey } from '../wire/key.js';
import type { GivenServer } from './arguments.js';
import { UsageError } from './exit-code.js';

/** Servers and keys as they were given, each list by the command line or by a file of settings. */
export interface GivenServers {
  readonly servers: readonly GivenServer[];
  readonly isServersOfFile: boolean;
  /** The values of --server-key. */
  readonly keys: readonly PublicKey[];
  readonly isKeysOfFile: boolean;
}

/** The servers of a client: all of them have a key, and speak the sealed protocol, or none has one. */
export type ChosenServers =
  | { readonly protocol: 'classic'; readonly servers: readonly GivenServer[] }
  | {
      readonly protocol: 'sealed';
      readonly servers: readonly (GivenServer & { readonly key: PublicKey })[];
    };

/** The name of a server, for people. */
export function nameOfServer({ host, port }: Pick<GivenServer, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Gives each server its key: that of `KEY@`, or of --server-key, which is given once for all servers, or once for
 * each that has none, in their order. Keys of the command line win over those of a file. Throws a UsageError.
 */
export function chooseServers(given: GivenServers): ChosenServers {
  const { servers } = given;
  const names = servers.map(nameOfServer);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new UsageError(`the server ${twice} is given twice: leave one out`);
  }
  if (servers.length > MAX_SERVERS) {
    throw new UsageError(
      `${servers.length} servers are given: a client uses at most ${MAX_SERVERS}, leave some out`,
    );
  }
  const withKeys = isOverruled(given)
    ? withOptionKeys(
        servers.map(({ host, port }) => ({ host, port })),
        given.keys,
      )
    : withOptionKeys(servers, given.keys);
  const keyed = withKeys.filter(hasKey);
  if (keyed.length === withKeys.length) {
    return { protocol: 'sealed', servers: keyed };
  }
  const [without] = withKeys.filter((server) => !hasKey(server)).map(nameOfServer);
  if (keyed.length > 0) {
    throw new UsageError(
      `the server ${without} has no key, and others have: give KEY@${without}, or --server-key for it`,
    );
  }
  return { protocol: 'classic', servers };
}

/** Whether the command line has keys for servers of the file that have their own. */
function isOverruled({ isServersOfFile, keys, isKeysOfFile }: GivenServers): boolean {
  return isServersOfFile && !isKeysOfFile && keys.length > 0;
}

function withOptionKeys(
  servers: readonly GivenServer[],
  keys: readonly PublicKey[],
): readonly GivenServer[] {
  const lacking = servers.filter((server) => !hasKey(server));
  const [first] = keys;
  if (first === undefined) {
    return servers;
  }
  if (lacking.length === 0) {
    const isSame = keys.every((key) =>
      servers.some((server) => server.key && sameKey(server.key, key)),
    );
    if (!isSame) {
      throw new UsageError('the server is given with another key than --server-key: leave one out');
    }
    return servers;
  }
  if (keys.length > 1 && keys.length !== lacking.length) {
    const counts = `${keys.length} times, for ${lacking.length} servers without a key`;
    throw new UsageError(
      `--server-key is given ${counts}: give one for all, or one for each in their order`,
    );
  }
  return servers.map((server) => {
    const at = lacking.indexOf(server);
    return at < 0 ? server : { ...server, key: keys[at] ?? first };
  });
}

function hasKey(server: GivenServer): server is GivenServer & { readonly key: PublicKey } {
  return server.key !== undefined;
}

function sameKey(a: PublicKey, b: PublicKey): boolean {
  return formatPublicKey(a) === formatPublicKey(b);
}
