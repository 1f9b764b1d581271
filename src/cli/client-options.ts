import { type Command, Option } from 'commander';
import type { ClientOptions } from '../client/client.js';
import type { FinderFactory } from '../client/finder.js';
import type { Endpoint } from '../wire/endpoint.js';
import { collect, decimal, keepalive, listenEndpoint, peerKey, wholeNumber } from './arguments.js';
import { UsageError } from './exit-code.js';
import type { LogOptions } from './log-options.js';
import type { Settings } from './settings.js';
import { withWgOption } from './wg-option.js';

const DEFAULT_KEEPALIVE = 25;
const DEFAULT_ONCE_TIMEOUT = 60;
const MAX_TIMEOUT = 2_000_000;
const DEFAULT_REFRESH = 25;
const MAX_REFRESH = 120;

/** What is given by the options of `withClientOptions`. */
export interface ClientFlags extends LogOptions {
  readonly once?: true;
  readonly peersOnly?: true;
  readonly background?: true;
  readonly metrics?: Endpoint;
  readonly settings?: Settings;
  readonly timeout?: number;
  readonly peer?: string[];
  readonly keepalive: number;
  /** false with --no-replace. */
  readonly replace: boolean;
}

/** Adds the options that all clients have, however they find their peers. */
export function withClientOptions(command: Command): Command {
  return withWgOption(command)
    .option(
      '--once',
      'exit 0 when every peer has a fresh handshake and a server has answered, 3 when the timeout passes first',
    )
    .option('--peers-only', 'with --once: do not wait for an answer of a server')
    .addOption(
      new Option(
        '--background',
        'run on as a daemon after the first look at the interface, and log to syslog',
      ).conflicts(['once', 'timeout']),
    )
    .option('--metrics <addr:port>', 'serve /metrics, /healthz and /readyz there', listenEndpoint)
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
    .option(
      '--no-replace',
      'never remove a peer and add it again, which makes one that never connected send at once',
    );
}

/** Adds `--refresh`, for clients that are registered with a rendezvous server. */
export function withRefreshOption(command: Command): Command {
  return command.option(
    '--refresh <seconds>',
    "how often to refresh the registration: below the shortest UDP timer of this host's NATs",
    wholeNumber(1, MAX_REFRESH),
    DEFAULT_REFRESH,
  );
}

/** The settings of a client; its names change with the file that they are in. */
export interface RunOptions extends ClientOptions {
  readonly names: Map<string, string>;
}

/** The settings of a client from its options. */
export function clientOptions(
  interfaceName: string,
  finder: FinderFactory,
  flags: ClientFlags,
): RunOptions {
  if (flags.peersOnly && !flags.once) {
    throw new UsageError('--peers-only is about --once: add that, or leave it out');
  }
  const timeout = flags.timeout ?? (flags.once ? DEFAULT_ONCE_TIMEOUT : undefined);
  return {
    interfaceName,
    finder,
    once: flags.once ?? false,
    peersOnly: flags.peersOnly ?? false,
    names: new Map(flags.settings?.names),
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    keepalive: flags.keepalive,
    replace: flags.replace,
    only: flags.peer === undefined ? undefined : new Set(flags.peer),
  };
}
