import { existsSync, readFileSync } from 'node:fs';

/** The version in the package.json above this file: how far above differs once the code is bundled. */
export function version(): string {
  let file = new URL('package.json', import.meta.url);
  while (!existsSync(file)) {
    file = new URL('../package.json', file);
  }
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
