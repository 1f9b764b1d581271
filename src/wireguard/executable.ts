import { accessSync, constants } from 'node:fs';

/**
 * Where distributions install `wg`, `nft` and `iptables`. PATH is never searched: `npx` puts the
 * `node_modules/.bin` of every parent folder on it, and the client runs as root.
 */
export const EXECUTABLE_FOLDERS: readonly string[] = [
  '/usr/bin',
  '/usr/sbin',
  '/bin',
  '/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/run/current-system/sw/bin',
  '/opt/bin',
];

/** Nothing of our own environment reaches a tool: neither its settings nor a loader's variables. */
export const TOOL_ENVIRONMENT = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** The path of a tool in these folders; undefined if none is installed. */
export function findExecutable(name: string): string | undefined {
  return EXECUTABLE_FOLDERS.map((folder) => `${folder}/${name}`).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
