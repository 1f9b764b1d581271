import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import {
  expectTrustedFolder,
  FolderError,
  hasTrustedOwner,
  permissions,
} from './trusted-folder.js';

const OWNER_ONLY = 0o600;
const FOLDER_OWNER_ONLY = 0o700;
const GROUP_AND_OTHERS = 0o077;

/** Errors of link(2) on a file system without hard links. */
const NO_LINKS: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** A private file that cannot be used; the message names it and says what to do. */
export class PrivateFileError extends Error {
  override readonly name = 'PrivateFileError';
}

/** What is common to the files of one kind. */
export interface PrivateFileKind<Content> {
  /** Longest content, in bytes. */
  readonly maxLength: number;
  /** The parsed content; undefined when it is something else. */
  readonly parse: (content: Buffer) => Content | undefined;
  /** Completes an error message after the name of a file whose content is something else. */
  readonly otherwise: string;
  /** What to do when there is no file. */
  readonly missing: string;
}

/**
 * Reads a file that only its owner can read, in a folder where no other user can replace it. The content is
 * overwritten once it is parsed. Advice about permissions is given only for a file that is of this kind:
 * a mistyped path may name any file of the system.
 * Throws a PrivateFileError, which holds nothing of the content.
 */
export function readPrivateFile<Content>(path: string, kind: PrivateFileKind<Content>): Content {
  return explain(path, kind, () => {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const parsed = parseFile(path, file, kind);
      expectPrivate(path, file);
      expectTrustedFolder(dirname(path), { allowSticky: true });
      return parsed;
    } finally {
      closeSync(file);
    }
  });
}

/**
 * Creates a file that only its owner can read, and its folder. It is never created in a folder where
 * other users can create files. Throws a PrivateFileError.
 * @returns false when the file exists: it is never overwritten
 */
export function createPrivateFile(
  path: string,
  content: Uint8Array,
  kind: Pick<PrivateFileKind<unknown>, 'missing'>,
): boolean {
  return explain(path, kind, () => {
    expectTrustedFolder(nearestFolder(path), { allowSticky: true });
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_OWNER_ONLY });
    if (existsSync(path)) {
      return false;
    }
    expectTrustedFolder(dirname(path));
    return write(path, content);
  });
}

/** The deepest folder of a path that exists. */
function nearestFolder(path: string): string {
  const folder = dirname(path);
  return existsSync(folder) ? folder : nearestFolder(folder);
}

function parseFile<Content>(
  path: string,
  file: number,
  { maxLength, parse, otherwise }: PrivateFileKind<Content>,
): Content {
  const status = fstatSync(file);
  if (!status.isFile()) {
    throw new PrivateFileError(`${path} is not a regular file: name the file that holds the key`);
  }
  if (status.size > maxLength) {
    throw new PrivateFileError(`${path} ${otherwise}`);
  }
  const content = readFileSync(file);
  const parsed = parse(content);
  content.fill(0);
  if (parsed === undefined) {
    throw new PrivateFileError(`${path} ${otherwise}`);
  }
  return parsed;
}

function expectPrivate(path: string, file: number): void {
  const status = fstatSync(file);
  if (!hasTrustedOwner(status)) {
    throw new PrivateFileError(
      `${path} belongs to user ${status.uid}, who knows the key: use a key file of your own`,
    );
  }
  if ((status.mode & GROUP_AND_OTHERS) !== 0) {
    const mode = permissions(status.mode);
    throw new PrivateFileError(`${path} is open to others (mode ${mode}): chmod 600 ${path}`);
  }
}

/** Writes under a temporary name first: the file is complete or absent. */
function write(path: string, content: Uint8Array): boolean {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.new`;
  try {
    const file = openSync(temporary, 'wx', OWNER_ONLY);
    try {
      fchmodSync(file, OWNER_ONLY); // whatever the umask is
      writeSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return publish(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Gives a file its final name; false when another file has that name. */
function publish(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      return false;
    }
    if (!NO_LINKS.includes(code)) {
      throw error;
    }
  }
  if (existsSync(path)) {
    return false;
  }
  renameSync(temporary, path);
  return true;
}

function explain<T>(path: string, { missing }: { readonly missing: string }, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof FolderError) {
      throw new PrivateFileError(`cannot use the key file ${path}: ${error.message}`);
    }
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof PrivateFileError || code === undefined) {
      throw error;
    }
    const advice = code === 'ENOENT' ? missing : (ADVICE[code] ?? 'check the path');
    throw new PrivateFileError(`cannot use the key file ${path} (${code}): ${advice}`, {
      cause: error,
    });
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'this user has no access to it; run as its owner or name another file',
  ENOTDIR: 'a part of the path is not a folder',
  ELOOP: 'it is a symbolic link; name the file itself',
  EROFS: 'the file system is read-only; name another file',
};
