import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import {
  createKeyBytes,
  KeyFileError,
  type KeyFileKind,
  readKeyBytes,
} from '../../server/key-file.js';
import { ZoneKey } from './zone-key.js';

/** PKCS #8 as PEM, as OpenSSL has it. */
const KIND: KeyFileKind = {
  maxLength: 4096,
  otherwise:
    'has no private key on the curve P-256 in PEM: make one with `wg-rendezvous dns keygen`',
  missing: 'there is no such file; make it with `wg-rendezvous dns keygen`',
};

/** Makes a key and its file. False when there is a file: it is never overwritten. Throws a KeyFileError. */
export function createKeyFile(path: string): boolean {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return createKeyBytes(path, Buffer.from(pem), KIND);
}

/** Reads the key of a file that none but its owner can read. Throws a KeyFileError. */
export function readKeyFile(path: string): ZoneKey {
  const pem = readKeyBytes(path, KIND);
  try {
    return new ZoneKey(createPrivateKey(pem));
  } catch {
    // What the parser says of the contents is kept back.
    throw new KeyFileError(`${path} ${KIND.otherwise}`);
  }
}
