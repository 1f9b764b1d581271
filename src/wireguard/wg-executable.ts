import { isAbsolute } from 'node:path';
import { EXECUTABLE_FOLDERS, findExecutable } from './executable.js';

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

/** The path of the `wg` to run; undefined if none is installed. */
export function wgExecutable(): string | undefined {
  return chosen ?? findExecutable('wg');
}

/** One line for a host where `wg` cannot be run. */
export function describeMissingWg(): string {
  return chosen === undefined
    ? `the wg tool is in none of ${EXECUTABLE_FOLDERS.join(', ')}: install the package wireguard-tools, or give its path with --wg`
    : `there is no program ${chosen}: give the path of the wg tool with --wg`;
}
