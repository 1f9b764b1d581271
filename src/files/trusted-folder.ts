import { lstatSync, realpathSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';

const WRITE_BY_GROUP_AND_OTHERS = 0o022;

/** In such a folder, /tmp for one, anyone can create files, and only their owners can replace them. */
const STICKY = 0o1000;

const ROOT_USER = 0;

/** A folder in which another user can replace files; the message names it and says what to do. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
}

/**
 * Checks that no user but root and the one who runs this can replace a file in a folder: each folder up to
 * the root, with and without symbolic links resolved, belongs to one of them and is writable by its owner
 * only. Sticky folders are allowed above the folder itself, and for the folder with `allowSticky`.
 * Throws a FolderError, or the system's error.
 */
export function expectTrustedFolder(folder: string, { allowSticky = false } = {}): void {
  const paths = [resolve(folder), realpathSync(folder)];
  for (const path of new Set(paths.flatMap(withParents))) {
    const isFolderItself = paths.includes(path);
    expectTrusted(path, lstatSync(path), allowSticky || !isFolderItself);
  }
}

/** Whether a file belongs to root or to the user who runs this. */
export function hasTrustedOwner({ uid }: Stats): boolean {
  return uid === ROOT_USER || uid === process.geteuid?.();
}

function expectTrusted(path: string, status: Stats, allowSticky: boolean): void {
  if (!hasTrustedOwner(status)) {
    throw new FolderError(`user ${status.uid} owns ${path} and can replace the key: ${ADVICE}`);
  }
  const isShared = (status.mode & WRITE_BY_GROUP_AND_OTHERS) !== 0 && !status.isSymbolicLink();
  if (isShared && !(allowSticky && (status.mode & STICKY) !== 0)) {
    throw new FolderError(
      `other users can write to ${path} (mode ${permissions(status.mode)}): ${ADVICE}`,
    );
  }
}

const ADVICE = 'keep the key in a folder that only you and root can write to';

/** `/a/b`, `/a` and `/`. */
function withParents(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [path, ...withParents(parent)];
}

/** Permission bits as chmod takes them. */
export function permissions(mode: number): string {
  return (mode & 0o1777).toString(8).padStart(4, '0');
}
