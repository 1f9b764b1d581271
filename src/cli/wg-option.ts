import type { Command } from 'commander';
import { useWgExecutable } from '../wireguard/wg-executable.js';
import { absolutePath } from './arguments.js';

/** Adds `--wg PATH` to a command that reads or changes WireGuard. */
export function withWgOption(command: Command): Command {
  return command
    .option(
      '--wg <path>',
      'the wg tool (default: searched in /usr/bin and other fixed folders, never in PATH)',
      absolutePath,
    )
    .hook('preAction', (self) => useWgExecutable(self.opts<{ readonly wg?: string }>().wg));
}
