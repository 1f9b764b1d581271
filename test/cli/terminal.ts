import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PROGRAM } from './run-command.js';

const SCRIPT = fileURLToPath(new URL('../../../test/cli/terminal.py', import.meta.url));

/** What a program drew on its terminal, and how it ended: its exit code, or minus the signal. */
export interface TerminalEnd {
  readonly drawn: string;
  readonly end: string;
}

/** Runs our program on a pseudo terminal; terminal.py says which actions there are. */
export async function runOnTerminal(action: string, args: readonly string[]): Promise<TerminalEnd> {
  const output = await new Promise<string>((resolve, reject) => {
    const command = [SCRIPT, action, process.execPath, PROGRAM, ...args];
    execFile('python3', command, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  const lines = output.trimEnd().split('\n');
  return { end: lines.pop() ?? '', drawn: lines.join('\n') };
}
