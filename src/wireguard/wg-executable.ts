import { accessSync, constants } from 'node:fs';
import { isAbsolute } from 'node:path';

/**
 * Where distributions install `wg`. PATH is never searched: `npx` puts the `node_modules/.bin` of every
 * parent folder on it, and the client runs as root.
 */
const FOLDERS: readonly string[] = [
  '/usr/bin',
  '/usr/sbin',
  '/bin',
  '/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/run/current-system/sw/bin',
  '/opt/bin',
];

let chosen: string | undefined;

/**
 * Makes this process run another `wg` than the one of the fixed folders; undefined goes back to that.
 * Throws a RangeError when the path is not absolute.
 */
export function useWgExecutable(path: string | undefined): void {
  if (path !== undefined && !isAbsolute(path)) {
    throw new RangeError(`expected the absolute path of the wg tool, got ${path}`);
  }
  chosen = path;
}

/** The path of the `wg` to run; undefined where none is installed. */
export function wgExecutable(): string | undefined {
  return chosen ?? FOLDERS.map((folder) => `${folder}/wg`).find(isExecutable);
}

/** One line for a host where `wg` cannot be run. */
export function describeMissingWg(): string {
  return chosen === undefined
    ? `the wg tool is in none of ${FOLDERS.join(', ')}: install the package wireguard-tools, or give its path with --wg`
    : `there is no program ${chosen}: give the path of the wg tool with --wg`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
