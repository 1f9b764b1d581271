import { decodeKey } from '../wire/key-text.js';
import { takePrivateKey } from './read-ahead.js';
import { WgError } from './wg-error.js';
import { runWg } from './wg-process.js';

/**
 * Reads an interface's private key: 32 bytes, which the caller overwrites when it no longer needs them. The
 * key never becomes a string, and the output of `wg` is overwritten.
 * Throws a WgError, which holds nothing of it.
 */
export async function readPrivateKey(interfaceName: string): Promise<Uint8Array> {
  const ahead = await takePrivateKey(interfaceName);
  if (ahead !== undefined) {
    return ahead;
  }
  const printed = await runWg(interfaceName, ['show', interfaceName, 'private-key']);
  const key = decodeKey(printed);
  printed.fill(0);
  if (key === undefined) {
    throw new WgError('WG_FAILED', `wg shows no private key of ${interfaceName}`);
  }
  return key;
}
