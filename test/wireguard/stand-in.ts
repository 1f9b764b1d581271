import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
