import { readFileSync, statSync } from 'node:fs';

/**
 * Reads a text file of at most so many bytes. undefined for what is no regular file, or larger: a mistyped
 * path may name a device, or a FIFO, which would never end. Throws the system's error.
 */
export function readTextFile(path: string, maxBytes: number): string | undefined {
  const status = statSync(path);
  return status.isFile() && status.size <= maxBytes ? readFileSync(path, 'utf8') : undefined;
}
