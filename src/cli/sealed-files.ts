import { readTextFile } from '../files/text-file.js';
import type { RelayOptions, SealedOptions } from '../server/options.js';
import { type AllowList, parseAllowList } from '../server/sealed/allow-list.js';
import { UsageError } from './exit-code.js';

/** The longest list of keys that is read: 300 000 of them. */
const MAX_LIST_BYTES = 16 * 1024 * 1024;

/** What the sealed protocol is started with. */
export interface SealedFiles {
  readonly key: string;
  readonly allow: string | undefined;
  readonly only: boolean;
  /** @default the server does not relay */
  readonly relay?: RelayFlags | undefined;
}

/** The relay, with its list as a file. */
export type RelayFlags = Omit<RelayOptions, 'allow'> & { readonly allow: string | undefined };

/** Reads the files; a key is made if there is none. Throws a UsageError that names the bad one. */
export async function openSealedFiles({
  key,
  allow,
  only,
  relay,
}: SealedFiles): Promise<SealedOptions> {
  const list = allow === undefined ? undefined : readAllowFile(allow);
  const relayOptions = relay && {
    ...relay,
    allow: relay.allow === undefined ? undefined : readAllowFile(relay.allow),
  };
  const { loadServerKey } = await import('../server/sealed/key-file.js');
  return { key: usable(() => loadServerKey(key)), allow: list, only, relay: relayOptions };
}

/** Reads a list of public keys. Throws a UsageError that says file and line. */
export function readAllowFile(path: string): AllowList {
  const text = readList(path);
  try {
    return parseAllowList(text);
  } catch (error) {
    throw new UsageError(`${path}, ${(error as Error).message}`);
  }
}

function readList(path: string): string {
  let text: string | undefined;
  try {
    text = readTextFile(path, MAX_LIST_BYTES);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`cannot read the list of keys ${path} (${code})`);
  }
  if (text === undefined) {
    throw new UsageError(`${path} is no list of keys: a file of at most ${MAX_LIST_BYTES} bytes`);
  }
  return text;
}

/** Runs a reader of a private file; its PrivateFileError becomes a UsageError. */
export function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw (error as Error).name === 'PrivateFileError'
      ? new UsageError((error as Error).message)
      : error;
  }
}
