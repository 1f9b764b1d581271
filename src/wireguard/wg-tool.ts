import type { Device, PeerConfig } from './device.js';
import { parseDump } from './dump.js';
import { peerArguments } from './peer-arguments.js';
import { takeDump } from './read-ahead.js';
import { setWithReplacements } from './replacement.js';
import { WgError } from './wg-error.js';
import { runWg } from './wg-process.js';

/**
 * Reads an interface, with createDumpParser() where that is done often. The parser overwrites the secrets
 * of the dump. Throws a WgError.
 */
export async function readDevice(
  interfaceName: string,
  parse: (dump: Uint8Array) => Device = parseDump,
): Promise<Device> {
  const dump = await (takeDump(interfaceName) ??
    runWg(interfaceName, ['show', interfaceName, 'dump']));
  try {
    return parse(dump);
  } catch (cause) {
    throw new WgError('WG_FAILED', `${interfaceName}: ${(cause as Error).message}`, { cause });
  } finally {
    dump.fill(0);
  }
}

/**
 * Changes peers with a single `wg set`; changes with `replace` take one for each MAX_REPLACEMENTS of them.
 * Preshared keys reach `wg` by descriptor and are overwritten: none is in an argument or on disk.
 * Throws a WgError; with more than MAX_REPLACEMENTS replacements a part may be made then.
 * @returns the changes made: all but those with `replace` whose peer is gone or has been connected
 */
export async function setPeers(
  interfaceName: string,
  changes: readonly PeerConfig[],
): Promise<readonly PeerConfig[]> {
  if (changes.some(({ replace }) => replace)) {
    return setWithReplacements(interfaceName, changes);
  }
  await runWg(interfaceName, ['set', interfaceName, ...changes.flatMap(peerArguments)]);
  return changes;
}

/** Sets the port that an interface listens on. Throws a WgError. */
export async function setListenPort(interfaceName: string, port: number): Promise<void> {
  await runWg(interfaceName, ['set', interfaceName, 'listen-port', String(port)]);
}
