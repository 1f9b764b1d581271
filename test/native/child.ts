import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const TIMEOUT_MS = 60_000;

export interface Outcome {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Node on a script beside this one, or on a piece of module source, and reports how it ended. */
export function runNode(args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { timeout: TIMEOUT_MS, cwd: fileURLToPath(new URL('.', import.meta.url)) },
      (_error, stdout, stderr) =>
        resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
    );
  });
}

/** Arguments that make Node run a piece of source; relative imports start at this directory. */
export function evaluate(source: string, ...flags: string[]): string[] {
  return [...flags, '--input-type=module', '--eval', source];
}
