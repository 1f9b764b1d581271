import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import {
  createPrivateFile,
  type PrivateFileKind,
  readPrivateFile,
} from '../../files/private-file.js';
import { ZoneKey } from './zone-key.js';

/** PKCS #8 in PEM, as OpenSSL writes it. */
const KIND: PrivateFileKind<ZoneKey> = {
  maxLength: 4096,
  parse,
  otherwise:
    'has no private key on the curve P-256 in PEM: make one with `wg-rendezvous dns keygen`',
  missing: 'there is no such file; make it with `wg-rendezvous dns keygen`',
};

/**
 * Creates a key and its file. Throws a PrivateFileError.
 * @returns false when the file exists: it is never overwritten
 */
export function createZoneKey(path: string): boolean {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return createPrivateFile(path, Buffer.from(pem), KIND);
}

/** Reads the key of a zone from a file that only its owner can read. Throws a PrivateFileError. */
export function readZoneKey(path: string): ZoneKey {
  return readPrivateFile(path, KIND);
}

function parse(pem: Buffer): ZoneKey | undefined {
  try {
    return new ZoneKey(createPrivateKey(pem));
  } catch {
    // The parser's message may hold a part of the content.
    return undefined;
  }
}
