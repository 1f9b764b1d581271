import sodium from 'sodium-native';

/** Overwrites secrets with zeros, in a way that no compiler removes. */
export function wipe(...secrets: readonly (Uint8Array | null | undefined)[]): void {
  for (const secret of secrets) {
    if (secret) {
      sodium.sodium_memzero(secret);
    }
  }
}
