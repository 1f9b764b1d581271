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
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

const OWNER_ONLY = 0o600;
const FOLDER_OWNER_ONLY = 0o700;
const GROUP_AND_OTHERS = 0o077;
const WRITE_BY_GROUP_AND_OTHERS = 0o022;
/** What others put into such a folder is theirs, and they cannot replace what is not: /tmp. */
const STICKY = 0o1000;

/** What a file system without hard links says. */
const NO_LINKS: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** A key file that cannot be used; the message names it and says what to do. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** How the files of one kind of key are. */
export interface KeyFileKind {
  /** Bytes that a file has at most. */
  readonly maxLength: number;
  /** What is said of a file with something else in it, after its name. */
  readonly otherwise: string;
  /** What is said where there is no file. */
  readonly missing: string;
}

/** Reads the contents of a key file that only its owner can read. Throws a KeyFileError. */
export function readKeyBytes(path: string, kind: KeyFileKind): Buffer {
  return explain(path, kind, () => {
    expectOwnFolder(dirname(path));
    // What is no file must not make us wait for it.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = privateFile(path, file);
      if (size > kind.maxLength) {
        throw new KeyFileError(`${path} ${kind.otherwise}`);
      }
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  });
}

/**
 * Makes a key file, for its owner alone, and its folder. False when there is a file: it is never
 * overwritten. Throws a KeyFileError.
 */
export function createKeyBytes(path: string, content: Uint8Array, kind: KeyFileKind): boolean {
  return explain(path, kind, () => {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_OWNER_ONLY });
    expectOwnFolder(dirname(path));
    return write(path, content);
  });
}

function privateFile(path: string, file: number) {
  const status = fstatSync(file);
  if (!status.isFile()) {
    throw new KeyFileError(`${path} is no file: name the file that holds the key`);
  }
  if ((status.mode & GROUP_AND_OTHERS) !== 0) {
    const mode = permissions(status.mode);
    throw new KeyFileError(`${path} is open to others (mode ${mode}): chmod 600 ${path}`);
  }
  return status;
}

/** Who can write the folder can put another key in the file's place. */
function expectOwnFolder(folder: string): void {
  const { mode } = statSync(folder);
  if ((mode & WRITE_BY_GROUP_AND_OTHERS) !== 0 && (mode & STICKY) === 0) {
    throw new KeyFileError(
      `others can write the folder of the key, ${folder} (mode ${permissions(mode)}): chmod go-w ${folder}`,
    );
  }
}

function permissions(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

/** Under another name first: the file is whole or not there. */
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

/** Gives a file its name; false when another has it. */
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

function explain<T>(path: string, { missing }: KeyFileKind, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof KeyFileError || code === undefined) {
      throw error;
    }
    const advice = code === 'ENOENT' ? missing : (ADVICE[code] ?? 'see the path');
    throw new KeyFileError(`cannot use the key file ${path} (${code}): ${advice}`, {
      cause: error,
    });
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'this user may not; run as its owner or name another file',
  ENOTDIR: 'a part of the path is no folder',
  EROFS: 'the file system is read-only; name another file',
};
