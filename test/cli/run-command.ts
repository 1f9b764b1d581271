import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The program as users run it. */
export const PROGRAM = fileURLToPath(new URL('../../bin/wg-rendezvous.js', import.meta.url));

const TIMEOUT_MS = 30_000;

export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end; as another user, or another copy of it, on request. */
export function runCommand(
  args: readonly string[],
  {
    uid,
    program = PROGRAM,
    timeoutMs = TIMEOUT_MS,
  }: { uid?: number; program?: string; timeoutMs?: number } = {},
): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, ...(uid === undefined ? {} : { uid, gid: uid }) };
    const child = spawn(process.execPath, [program, ...args], options);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
