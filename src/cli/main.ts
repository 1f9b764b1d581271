#!/usr/bin/env node
import './own-signals.js';
import { Command, CommanderError, Option } from 'commander';
import { clientCommand } from './client-command.js';
import { compareCommand } from './compare-command.js';
import { dnsCommand } from './dns-command.js';
import { EXIT, UsageError } from './exit-code.js';
import { labAgentCommand } from './lab-agent-command.js';
import { LOG_FORMATS, LOG_LEVELS } from './log-options.js';
import { prepareProcess } from './prepare-process.js';
import { pubkeyCommand } from './pubkey-command.js';
import { serverCommand } from './server-command.js';
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

function createProgram(): Command {
  const program = new Command('wg-rendezvous')
    .description('Connects WireGuard peers behind NATs directly, with WireGuard unmodified.')
    .version(version())
    .hook('preAction', prepareProcess);
  for (const command of [
    serverCommand(endProcess),
    pubkeyCommand(endProcess),
    clientCommand(endProcess),
    dnsCommand(endProcess),
    compareCommand(endProcess),
  ]) {
    program.addCommand(command);
  }
  program.addCommand(labAgentCommand(endProcess), { hidden: true });
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

try {
  await createProgram().parseAsync();
} catch (error) {
  endProcess(report(error));
}
