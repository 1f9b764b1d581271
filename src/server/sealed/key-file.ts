import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { generateKeyPair, type KeyPair, keyPairOf, wipeKeyPair } from '../../sealed/key-pair.js';
import { wipe } from '../../sealed/wipe.js';
import { type PublicKey, parsePublicKey } from '../../wire/key.js';

const OWNER_ONLY = 0o600;
const FOLDER_OWNER_ONLY = 0o700;
const GROUP_AND_OTHERS = 0o077;

/** 44 characters of base64 and an end of line, as `wg genkey` prints it. */
const MAX_LENGTH = 64;

/** A key file that cannot be used; the message names it and says what to do. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** Reads the server's key. Throws a KeyFileError when the file cannot be used, or there is none. */
export function readKeyFile(path: string): KeyPair {
  return explain(path, () => read(path));
}

/** Reads the server's key, which is made first where there is no such file. Throws a KeyFileError. */
export function loadKeyFile(path: string): KeyPair {
  return explain(path, () => {
    try {
      return read(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error;
      }
    }
    create(path);
    return read(path);
  });
}

function read(path: string): KeyPair {
  // What is no file must not make us wait for it.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(file);
    const { mode, size } = status;
    if (!status.isFile()) {
      throw new KeyFileError(`${path} is no file: name the file that holds the server's key`);
    }
    if ((mode & GROUP_AND_OTHERS) !== 0) {
      const permissions = (mode & 0o777).toString(8).padStart(4, '0');
      throw new KeyFileError(
        `${path} is open to others (mode ${permissions}): chmod 600 ${path}, or remove it to have a new key made`,
      );
    }
    if (size > MAX_LENGTH) {
      throw new KeyFileError(noKey(path));
    }
    return parse(path, readFileSync(file));
  } finally {
    closeSync(file);
  }
}

function parse(path: string, content: Uint8Array): KeyPair {
  let secretKey: PublicKey;
  try {
    // The encoding is that of a public key.
    secretKey = parsePublicKey(Buffer.from(content).toString('latin1').replace(/\n$/, ''));
  } catch {
    throw new KeyFileError(noKey(path)); // and nothing of what it holds
  } finally {
    wipe(content);
  }
  const pair = keyPairOf(secretKey);
  wipe(secretKey);
  return pair;
}

function noKey(path: string): string {
  return `${path} holds no key: it should be 44 characters of base64, as wg genkey prints them`;
}

/** Writes a new key under another name first: the file is whole or not there, and never overwritten. */
function create(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: FOLDER_OWNER_ONLY });
  const temporary = `${path}.${process.pid}.new`;
  const pair = generateKeyPair();
  const text = Buffer.from(`${Buffer.from(pair.secretKey).toString('base64')}\n`);
  const file = openSync(temporary, 'wx', OWNER_ONLY);
  try {
    fchmodSync(file, OWNER_ONLY); // whatever the umask is
    writeSync(file, text);
    fsyncSync(file);
    linkSync(temporary, path);
  } catch (error) {
    // Another server was faster: its key is the one.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error;
    }
  } finally {
    closeSync(file);
    unlinkSync(temporary);
    wipe(text);
    wipeKeyPair(pair);
  }
}

function explain<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof KeyFileError || code === undefined) {
      throw error;
    }
    throw new KeyFileError(
      `cannot use the key file ${path} (${code}): ${ADVICE[code] ?? 'see the path'}`,
      {
        cause: error,
      },
    );
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; the server makes it when it is started with --key',
  EACCES: 'this user may not; run as its owner or name another file',
  ENOTDIR: 'a part of the path is no folder',
  EROFS: 'the file system is read-only; name another file',
};
