import { mkdirSync } from 'node:fs';
import module from 'node:module';
import { expectTrustedFolder } from '../files/trusted-folder.js';

/** Root's folder for data that programs can regenerate (file-hierarchy(7)). */
const CACHE_FOLDER = '/var/cache/wg-rendezvous';

const ROOT_USER = 0;

/**
 * Lets Node keep the compiled program (module.enableCompileCache, from Node 22.1 on), in a folder that only root
 * can write to, because write access there decides what root runs. Off if there is no such folder, if the user
 * has chosen one with NODE_COMPILE_CACHE, and for users other than root.
 */
export function useCompileCache(folder = cacheFolder(), user = process.getuid?.()): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  const isOff = user !== ROOT_USER || process.env['NODE_COMPILE_CACHE'] !== undefined;
  if (enableCompileCache !== undefined && !isOff && isOurs(folder)) {
    enableCompileCache(folder);
  }
}

/**
 * The first of the unit's cache directories (systemd.exec(5)), if this is a unit that has one. Units must not
 * share root's folder: a unit that is taken over could then change the code that root runs elsewhere.
 */
function cacheFolder(): string {
  return process.env['CACHE_DIRECTORY']?.split(':')[0] || CACHE_FOLDER;
}

/** Whether the folder exists, or could be made, and only root can write to it. */
function isOurs(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch {
    // It exists, or cannot be made: the check below finds out.
  }
  try {
    expectTrustedFolder(folder);
    return true;
  } catch {
    return false;
  }
}
