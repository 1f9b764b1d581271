import { type PublicKey, parsePublicKey } from '../../wire/key.js';

/** The public keys that may register. */
export class AllowList {
  private readonly keys: ReadonlySet<string>;

  constructor(keys: readonly PublicKey[]) {
    this.keys = new Set(keys.map(text));
  }

  get size(): number {
    return this.keys.size;
  }

  has(key: Uint8Array): boolean {
    return this.keys.has(text(key));
  }
}

/**
 * Parses a list: a base64 key on each line; blank lines, and text after a #, are ignored.
 * Throws a RangeError that begins with the number of the bad line.
 */
export function parseAllowList(list: string): AllowList {
  const keys: PublicKey[] = [];
  for (const [index, line] of list.split('\n').entries()) {
    const key = line.replace(/#.*/, '').trim();
    if (key !== '') {
      keys.push(parseLine(key, index + 1));
    }
  }
  return new AllowList(keys);
}

function parseLine(key: string, number: number): PublicKey {
  try {
    return parsePublicKey(key);
  } catch (cause) {
    throw new RangeError(`line ${number}: ${(cause as Error).message}`, { cause });
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}
