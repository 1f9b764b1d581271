import { execFile } from 'node:child_process';
import { KEY_LENGTH } from '../wire/key.js';
import { WgError } from './wg-error.js';
import { explainWgFailure, wgExecution } from './wg-failure.js';

const BITS_PER_CHARACTER = 6;
const BITS_PER_BYTE = 8;

/**
 * Reads an interface's private key: 32 bytes that the caller overwrites when they are of no more use. It is
 * never text here, and what `wg` printed is overwritten.
 * Throws a WgError, which holds nothing of it.
 */
export function readPrivateKey(interfaceName: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const child = execFile(
      'wg',
      ['show', interfaceName, 'private-key'],
      { ...wgExecution(), encoding: 'buffer' },
      (error, stdout, stderr) => {
        const key = error ? undefined : decodeKey(stdout);
        for (const printed of [...chunks, stdout]) {
          printed.fill(0);
        }
        if (error) {
          reject(explainWgFailure(interfaceName, error, stderr.toString()));
        } else if (key === undefined) {
          reject(new WgError('WG_FAILED', `wg shows no private key of ${interfaceName}`));
        } else {
          resolve(key);
        }
      },
    );
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  });
}

/** The 32 bytes of a key in base64 and a newline; undefined when that is not what it is. */
export function decodeKey(text: Uint8Array): Uint8Array | undefined {
  const key = new Uint8Array(KEY_LENGTH);
  let bits = 0;
  let count = 0;
  let at = 0;
  for (const character of text) {
    const value = base64Value(character);
    if (value === undefined || at === KEY_LENGTH) {
      break;
    }
    bits = ((bits << BITS_PER_CHARACTER) | value) & 0x3fff;
    count += BITS_PER_CHARACTER;
    if (count >= BITS_PER_BYTE) {
      count -= BITS_PER_BYTE;
      key[at++] = (bits >>> count) & 0xff;
    }
  }
  return at === KEY_LENGTH ? key : undefined;
}

function base64Value(character: number): number | undefined {
  if (character >= 0x41 && character <= 0x5a) {
    return character - 0x41; // A..Z
  }
  if (character >= 0x61 && character <= 0x7a) {
    return character - 0x61 + 26; // a..z
  }
  if (character >= 0x30 && character <= 0x39) {
    return character - 0x30 + 52; // 0..9
  }
  return { 43: 62, 47: 63 }[character]; // + and /
}
