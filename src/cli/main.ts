import { checkCommand } from './check-command.js';
import { clientCommand } from './client-command.js';
import { compareCommand } from './compare-command.js';
import { dnsCommand } from './dns-command.js';
import { labAgentCommand } from './lab-agent-command.js';
import { runProgram } from './program.js';
import { pubkeyCommand } from './pubkey-command.js';
import { serverCommand } from './server-command.js';
import { statusCommand } from './status-command.js';

// The program with all commands.
await runProgram(
  [
    serverCommand,
    pubkeyCommand,
    clientCommand,
    statusCommand,
    checkCommand,
    dnsCommand,
    compareCommand,
  ],
  [labAgentCommand],
);
