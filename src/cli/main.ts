import { COMMANDS, HIDDEN_COMMANDS } from './commands.js';
import { runProgram } from './program.js';

// The program with all commands.
await runProgram(COMMANDS, HIDDEN_COMMANDS);
