import { checkCommand } from './check-command.js';
import { clientCommand } from './client-command.js';
import { compareCommand } from './compare-command.js';
import { dnsCommand } from './dns-command.js';
import { labAgentCommand } from './lab-agent-command.js';
import type { MakeCommand } from './program.js';
import { pubkeyCommand } from './pubkey-command.js';
import { serverCommand } from './server-command.js';
import { statusCommand } from './status-command.js';

/** All commands, in the order of the help. */
export const COMMANDS: readonly MakeCommand[] = [
  serverCommand,
  pubkeyCommand,
  clientCommand,
  statusCommand,
  checkCommand,
  dnsCommand,
  compareCommand,
];

/** Commands that other commands run; not for people. */
export const HIDDEN_COMMANDS: readonly MakeCommand[] = [labAgentCommand];
