import { createKeyFile, KeyFileError, readKeyFile } from '../dns/dnssec/key-file.js';
import type { ZoneKey } from '../dns/dnssec/zone-key.js';
import { UsageError } from './exit-code.js';

/** Makes a key file; false when there is one. Throws a UsageError. */
export function makeZoneKey(path: string): boolean {
  return usable(() => createKeyFile(path));
}

/** Reads a key file. Throws a UsageError. */
export function openZoneKey(path: string): ZoneKey {
  return usable(() => readKeyFile(path));
}

function usable<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw error instanceof KeyFileError ? new UsageError(error.message, { cause: error }) : error;
  }
}
