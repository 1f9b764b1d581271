import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { ZoneKey } from './zone-key.js';

const OWNER_ONLY = 0o600;
const GROUP_AND_OTHERS = 0o077;

/** A key file that cannot be made or used: one line that says what, why and what to do. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/**
 * Makes a key and a file for it, which only its owner can read: PKCS #8 as PEM, as `openssl` takes
 * it. False when there is such a file: it is never overwritten. Throws a KeyFileError.
 */
export function createKeyFile(path: string): boolean {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  try {
    writeFileSync(path, pem, { flag: 'wx', mode: OWNER_ONLY });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw new KeyFileError(`cannot write the key file ${path}: ${reason(error)}`, { cause: error });
  }
}

/** Reads the key of a file that none but its owner can read. Throws a KeyFileError. */
export function readKeyFile(path: string): ZoneKey {
  const pem = readPrivate(path);
  try {
    return new ZoneKey(createPrivateKey(pem));
  } catch {
    // What the parser says about the contents is kept back.
    throw new KeyFileError(
      `${path} has no private key on the curve P-256 in PEM: make one with \`wg-rendezvous dns keygen\``,
    );
  }
}

function readPrivate(path: string): Buffer {
  const { mode, pem } = read(path);
  if ((mode & GROUP_AND_OTHERS) !== 0) {
    throw new KeyFileError(`others than its owner have access to ${path}: run chmod 600 ${path}`);
  }
  return pem;
}

function read(path: string): { mode: number; pem: Buffer } {
  try {
    return { mode: statSync(path).mode, pem: readFileSync(path) };
  } catch (error) {
    throw new KeyFileError(`cannot read the key file ${path}: ${reason(error)}`, { cause: error });
  }
}

function reason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}
