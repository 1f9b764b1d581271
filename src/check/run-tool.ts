import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

/** Where distributions install nft and iptables; PATH is never searched, as for `wg`. */
const FOLDERS: readonly string[] = ['/usr/sbin', '/sbin', '/usr/bin', '/bin', '/usr/local/sbin'];
const TIMEOUT_MS = 3000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** What a tool that only reads prints; undefined if it is missing, fails, or takes too long. */
export function outputOf(tool: string, args: readonly string[]): Promise<string | undefined> {
  const file = FOLDERS.map((folder) => `${folder}/${tool}`).find(isExecutable);
  if (file === undefined) {
    return Promise.resolve(undefined);
  }
  const options = {
    env: { LC_ALL: 'C', PATH: FOLDERS.join(':') },
    cwd: '/',
    timeout: TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
  };
  return new Promise((resolve) => {
    execFile(file, [...args], options, (error, stdout) => resolve(error ? undefined : stdout));
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
