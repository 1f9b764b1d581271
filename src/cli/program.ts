import { Command, CommanderError, Option } from 'commander';
import { EXIT, UsageError } from './exit-code.js';
import { LOG_FORMATS, LOG_LEVELS } from './log-options.js';
import { prepareProcess } from './prepare-process.js';
import { endProcess } from './terminal.js';
import { version } from './version.js';

function withLogOptions(command: Command): void {
  command
    .addOption(
      new Option('--log-format <format>', 'how to log to stderr')
        .choices(LOG_FORMATS)
        .default('text'),
    )
    .addOption(
      new Option('--log-level <level>', 'what to log').choices(LOG_LEVELS).default('info'),
    );
}

/** Makes a command; `exit` ends the process with a code. */
export type MakeCommand = (exit: (code: number) => void) => Command;

/** The program with some commands, of which the hidden ones are in no help. */
export function createProgram(
  commands: readonly MakeCommand[],
  hidden: readonly MakeCommand[] = [],
): Command {
  const program = new Command('wg-rendezvous')
    .description('Connects WireGuard peers behind NATs directly, with WireGuard unmodified.')
    .version(version())
    .hook('preAction', prepareProcess);
  for (const make of commands) {
    program.addCommand(make(endProcess));
  }
  for (const make of hidden) {
    program.addCommand(make(endProcess), { hidden: true });
  }
  finish(program);
  return program;
}

/** What all commands have in common; those that only hold others take no options. */
function finish(command: Command): void {
  command.exitOverride().showHelpAfterError(false).allowExcessArguments(false);
  if (command.commands.length === 0) {
    withLogOptions(command);
  }
  command.commands.forEach(finish);
}

/** The exit code of what was thrown; what commander throws it has already said. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  process.stderr.write(`error: ${(error as Error).message}\n`);
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

/** Runs the command that the arguments name; the process exits with its code. */
export async function runProgram(
  commands: readonly MakeCommand[],
  hidden: readonly MakeCommand[] = [],
): Promise<void> {
  try {
    await createProgram(commands, hidden).parseAsync();
  } catch (error) {
    endProcess(report(error));
  }
}
