import { Command } from 'commander';
import { interfaceName } from './arguments.js';
import type { LogOptions } from './log-options.js';

interface Flags extends LogOptions {
  readonly json?: true;
  readonly watch?: true;
}

/** `status [INTERFACE]`. */
export function statusCommand(exit: (code: number) => void): Command {
  return new Command('status')
    .description('show what the running client of an interface knows (as root)')
    .argument('[interface]', 'WireGuard interface (default: all that have a client)', interfaceName)
    .option('--json', 'one JSON object for each interface (docs/status.schema.json)')
    .option('--watch', 'show it again every second, until stopped')
    .action(async (name: string | undefined, flags: Flags) => {
      const { runStatus } = await import('./status-run.js');
      exit(await runStatus(name, flags));
    });
}
