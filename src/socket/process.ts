import { loadBinding } from './binding.js';

/**
 * Opens a pipe that a child process can open by path (`/dev/fd/N`): Node's own pipes are sockets, which
 * cannot be opened that way. The caller closes both descriptors; neither is inherited unless it is passed
 * in `stdio`. Throws an AddonError or the system's error.
 */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const [readEnd, writeEnd] = loadBinding().openPipe();
  return { readEnd, writeEnd };
}

/**
 * Ends this process by SIGTERM when the one that started it ends. False when that has happened already.
 * Throws an AddonError or the system's error.
 */
export function followParent(): boolean {
  return loadBinding().followParent();
}

/**
 * Keeps this process's memory out of core dumps (RLIMIT_CORE) and away from other processes of the same
 * user (PR_SET_DUMPABLE). Throws an AddonError or the system's error.
 */
export function hardenProcess(): void {
  loadBinding().hardenProcess();
}
