import { decodeKey } from '../wire/key-text.js';
import { runWg } from './wg-process.js';

/** A dump older than this is outdated. */
const MAX_AGE_MS = 1000;

/** The private key in the dump: the first field of its first line, which is as long as any key. */
const KEY_CHARACTERS = 44;

/** A dump that is being read, for the first caller that needs it and the first that needs the private key. */
interface Ahead {
  readonly interfaceName: string;
  readonly begunAt: number;
  dump: Promise<Buffer> | undefined;
  privateKey: Promise<Uint8Array | undefined> | undefined;
}

let ahead: Ahead | undefined;

/**
 * Begins to read an interface before the program is ready for it: `wg` then runs beside our own start, and
 * once instead of twice. Without effect if it fails: the caller then reads again.
 * @param withKey whether a caller will need the private key
 */
export function readAhead(interfaceName: string, withKey: boolean): void {
  const dump = runWg(interfaceName, ['show', interfaceName, 'dump']);
  const privateKey = dump.then(keyIn, () => undefined);
  ahead = {
    interfaceName,
    begunAt: performance.now(),
    // After the key, because parsing the dump overwrites its secrets.
    dump: privateKey.then(() => dump),
    privateKey: withKey ? privateKey : undefined,
  };
  ahead.dump?.catch(() => {});
  if (!withKey) {
    void privateKey.then((key) => key?.fill(0));
  }
}

/** The dump that is being read, once, which the caller overwrites; undefined if there is none. */
export function takeDump(interfaceName: string): Promise<Buffer> | undefined {
  const taken = ahead?.interfaceName === interfaceName ? ahead : undefined;
  const dump = taken?.dump;
  if (taken === undefined || dump === undefined) {
    return undefined;
  }
  taken.dump = undefined;
  if (performance.now() - taken.begunAt <= MAX_AGE_MS) {
    return dump;
  }
  void dump.then(
    (bytes) => bytes.fill(0),
    () => {},
  );
  return undefined;
}

/** The private key of the interface in that dump, once, which the caller overwrites; undefined without one. */
export async function takePrivateKey(interfaceName: string): Promise<Uint8Array | undefined> {
  const taken = ahead?.interfaceName === interfaceName ? ahead : undefined;
  const key = taken?.privateKey;
  if (taken === undefined || key === undefined) {
    return undefined;
  }
  taken.privateKey = undefined;
  return key;
}

function keyIn(dump: Buffer): Uint8Array | undefined {
  return decodeKey(dump.subarray(0, KEY_CHARACTERS));
}
