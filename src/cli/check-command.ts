import { Command } from 'commander';
import type { CheckedServer } from '../check/collect.js';
import { MAX_SERVERS } from '../client/servers/max-servers.js';
import { CLASSIC_PORT } from '../wire/classic.js';
import { interfaceName, publicKeyArgument, serverName } from './arguments.js';
import { UsageError } from './exit-code.js';
import type { LogOptions } from './log-options.js';
import { withWgOption } from './wg-option.js';

interface Flags extends LogOptions {
  readonly json?: true;
}

/** `check INTERFACE [SERVER...]`. */
export function checkCommand(exit: (code: number) => void): Command {
  const command = new Command('check')
    .description('find what stands between this host and its peers, and change nothing (as root)')
    .argument('<interface>', 'WireGuard interface, such as wg0', interfaceName)
    .argument(
      '[servers...]',
      'rendezvous servers, HOST[:PORT] or KEY@HOST[:PORT] (default: those of the running client)',
      checkedServers,
    )
    .option('--json', 'one JSON object (docs/check.schema.json)');
  return withWgOption(command).action(
    async (name: string, servers: CheckedServer[] | undefined, flags: Flags) => {
      if (servers !== undefined && servers.length > MAX_SERVERS) {
        throw new UsageError(
          `${servers.length} servers are given: a check looks at ${MAX_SERVERS} at most, leave some out`,
        );
      }
      const { runCheck } = await import('./check-run.js');
      exit(await runCheck(name, servers ?? [], flags));
    },
  );
}

/** Collects servers; those with a key speak the sealed protocol. */
function checkedServers(text: string, before: CheckedServer[] | undefined): CheckedServer[] {
  const at = text.indexOf('@');
  const key = at < 0 ? undefined : publicKeyArgument(text.slice(0, at));
  return [...(before ?? []), { ...serverName(CLASSIC_PORT)(text.slice(at + 1)), key }];
}
