import { clientCommand } from './client-command.js';
import { runProgram } from './program.js';

// The program with the client alone, which is bundled into one file: reading dozens of modules would take
// longer than a round trip.
await runProgram([clientCommand]);
