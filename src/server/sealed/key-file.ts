import { existsSync } from 'node:fs';
import { generateKeyPair, type KeyPair, keyPairOf, wipeKeyPair } from '../../sealed/key-pair.js';
import { wipe } from '../../sealed/wipe.js';
import { decodeKey, encodeKey } from '../../wire/key-text.js';
import { createKeyBytes, KeyFileError, type KeyFileKind, readKeyBytes } from '../key-file.js';

const KIND: KeyFileKind = {
  // 44 characters of base64 and an end of line, as `wg genkey` prints it.
  maxLength: 64,
  otherwise: 'holds no key: it should be 44 characters of base64, as wg genkey prints them',
  missing: 'there is no such file; the server makes it when it is started with --key',
};

/** Reads the server's key. Throws a KeyFileError when the file cannot be used, or there is none. */
export function readKeyFile(path: string): KeyPair {
  return parse(path, readKeyBytes(path, KIND));
}

/** Reads the server's key, which is made first where there is no such file. Throws a KeyFileError. */
export function loadKeyFile(path: string): KeyPair {
  if (!existsSync(path)) {
    create(path);
  }
  return readKeyFile(path);
}

function parse(path: string, content: Uint8Array): KeyPair {
  const secretKey = decodeKey(content);
  wipe(content);
  if (secretKey === undefined) {
    throw new KeyFileError(`${path} ${KIND.otherwise}`); // and nothing of what it holds
  }
  const pair = keyPairOf(secretKey);
  wipe(secretKey);
  return pair;
}

/** Another server may be faster: then its key is the one. */
function create(path: string): void {
  const pair = generateKeyPair();
  const text = encodeKey(pair.secretKey);
  try {
    createKeyBytes(path, text, KIND);
  } finally {
    wipe(text);
    wipeKeyPair(pair);
  }
}
