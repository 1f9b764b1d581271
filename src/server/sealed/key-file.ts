import { existsSync } from 'node:fs';
import {
  createPrivateFile,
  type PrivateFileKind,
  readPrivateFile,
} from '../../files/private-file.js';
import { generateKeyPair, type KeyPair, keyPairOf, wipeKeyPair } from '../../sealed/key-pair.js';
import { wipe } from '../../sealed/wipe.js';
import { decodeKey, encodeKey } from '../../wire/key-text.js';

const KIND: PrivateFileKind<KeyPair> = {
  // 44 characters of base64 and a newline, as `wg genkey` prints them.
  maxLength: 64,
  parse,
  otherwise: 'holds no key: expected 44 characters of base64, as wg genkey prints them',
  missing: 'there is no such file; the server creates it when it is started with --key',
};

/** Reads the server's key. Throws a PrivateFileError when the file is missing or cannot be used. */
export function readServerKey(path: string): KeyPair {
  return readPrivateFile(path, KIND);
}

/** Reads the server's key, and creates the file first when it is missing. Throws a PrivateFileError. */
export function loadServerKey(path: string): KeyPair {
  if (!existsSync(path)) {
    create(path);
  }
  return readServerKey(path);
}

function parse(content: Uint8Array): KeyPair | undefined {
  const secretKey = decodeKey(content);
  if (secretKey === undefined) {
    return undefined;
  }
  const pair = keyPairOf(secretKey);
  wipe(secretKey);
  return pair;
}

/** Another server may be faster: then its key counts. */
function create(path: string): void {
  const pair = generateKeyPair();
  const text = encodeKey(pair.secretKey);
  try {
    createPrivateFile(path, text, KIND);
  } finally {
    wipe(text);
    wipeKeyPair(pair);
  }
}
