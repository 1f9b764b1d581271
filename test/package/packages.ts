import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/lab/command.js';

export const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));

export const VERSION = (
  JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string }
).version;

/** Two programs of a hundred megabytes are packed four times. */
const MAKE_TIMEOUT_MS = 900_000;

/** Makes the packages unless they are newer than their contents, and returns the files. */
export async function makePackages(): Promise<{
  readonly npm: string;
  readonly deb: Readonly<Record<'amd64' | 'arm64', string>>;
  readonly tar: Readonly<Record<'x64' | 'arm64', string>>;
}> {
  await run('make', ['--silent', '-C', CHECKOUT, 'packages'], { timeoutMs: MAKE_TIMEOUT_MS });
  const file = (name: string): string => join(CHECKOUT, 'packages', name);
  return {
    npm: file(`wg-rendezvous-${VERSION}.tgz`),
    deb: {
      amd64: file(`wg-rendezvous_${VERSION}_amd64.deb`),
      arm64: file(`wg-rendezvous_${VERSION}_arm64.deb`),
    },
    tar: {
      x64: file(`wg-rendezvous-${VERSION}-linux-x64.tar.xz`),
      arm64: file(`wg-rendezvous-${VERSION}-linux-arm64.tar.xz`),
    },
  };
}

/** The program of a Node that scripts/node-runtimes.txt pins. */
export function pinnedNode(arch: 'x64' | 'arm64', major: number): string {
  const script = join(CHECKOUT, 'scripts', 'node-runtime.sh');
  return join(execFileSync(script, [arch, String(major)], { encoding: 'utf8' }).trim(), 'bin/node');
}
