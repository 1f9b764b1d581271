import type { Command } from 'commander';
import type { ClientOptions } from '../client/client.js';
import type { FinderFactory } from '../client/finder.js';
import { collect, decimal, keepalive, peerKey, wholeNumber } from './arguments.js';
import type { LogOptions } from './log-options.js';
import { withWgOption } from './wg-option.js';

const DEFAULT_KEEPALIVE = 25;
const DEFAULT_ONCE_TIMEOUT = 60;
const MAX_TIMEOUT = 2_000_000;
const DEFAULT_REFRESH = 25;
const MAX_REFRESH = 120;

/** What is given by the options of `withClientOptions`. */
export interface ClientFlags extends LogOptions {
  readonly once?: true;
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

/** The settings of a client from its options. */
export function clientOptions(
  interfaceName: string,
  finder: FinderFactory,
  flags: ClientFlags,
): ClientOptions {
  const timeout = flags.timeout ?? (flags.once ? DEFAULT_ONCE_TIMEOUT : undefined);
  return {
    interfaceName,
    finder,
    once: flags.once ?? false,
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    keepalive: flags.keepalive,
    replace: flags.replace,
    only: flags.peer === undefined ? undefined : new Set(flags.peer),
  };
}
