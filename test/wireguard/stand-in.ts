import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { mock } from 'node:test';
import { loadBinding } from '../../src/socket/binding.js';
import { useWgExecutable } from '../../src/wireguard/wg-executable.js';

/**
 * Runs with a stand-in for `wg` that is this shell script; there is none if it is undefined. The
 * script's own folder is `$(dirname "$0")`.
 * @param run gets the folder, and the path of the stand-in for `--wg`
 */
export async function withWg(
  script: string | undefined,
  run: (folder: string, wg: string) => Promise<void>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'wg-tool-'));
  const wg = join(folder, 'wg');
  try {
    if (script !== undefined) {
      writeFileSync(wg, `#!/bin/sh\n${script}\n`);
      chmodSync(wg, 0o755);
    }
    useWgExecutable(wg);
    await run(folder, wg);
  } finally {
    useWgExecutable(undefined);
    rmSync(folder, { recursive: true });
  }
}

/** All that stand-ins print to stdout from now on, in the buffers that the program gets. */
export function printedBuffers(tracker: Pick<typeof mock, 'method'>): readonly Buffer[] {
  const printed: Buffer[] = [];
  const binding = loadBinding();
  const { runProgram } = binding;
  tracker.method(binding, 'runProgram', (...[options, onEnd]: Parameters<typeof runProgram>) =>
    runProgram(options, (code, signal, stdout, stderr) => {
      printed.push(stdout);
      onEnd(code, signal, stdout, stderr);
    }),
  );
  return printed;
}
