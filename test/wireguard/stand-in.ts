import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs with a stand-in for `wg` that is this shell script; only it is on the PATH. */
export async function withWg(script: string | undefined, run: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'wg-tool-'));
  const path = process.env['PATH'];
  try {
    if (script !== undefined) {
      writeFileSync(join(folder, 'wg'), `#!/bin/sh\n${script}\n`);
      chmodSync(join(folder, 'wg'), 0o755);
    }
    process.env['PATH'] = folder;
    await run(folder);
  } finally {
    process.env['PATH'] = path;
    rmSync(folder, { recursive: true });
  }
}
