import { execFile } from 'node:child_process';
import { decodeKey } from '../wire/key-text.js';
import { WgError } from './wg-error.js';
import { explainWgFailure, wgExecution } from './wg-failure.js';

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
