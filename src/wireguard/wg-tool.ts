import { execFile } from 'node:child_process';
import { formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import type { Device, PeerConfig } from './device.js';
import { parseDump } from './dump.js';
import { WgError } from './wg-error.js';
import { explainWgFailure, wgExecution } from './wg-failure.js';

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Reads an interface, with createDumpParser() where that is done often. Throws a WgError. */
export async function readDevice(interfaceName: string, parse = parseDump): Promise<Device> {
  const text = await wg(interfaceName, ['show', interfaceName, 'dump']);
  try {
    return parse(text);
  } catch (cause) {
    throw new WgError('WG_FAILED', `${interfaceName}: ${(cause as Error).message}`, { cause });
  }
}

/** Changes peers with a single `wg set`. Throws a WgError. */
export async function setPeers(interfaceName: string, peers: readonly PeerConfig[]): Promise<void> {
  await wg(interfaceName, ['set', interfaceName, ...peers.flatMap(peerArguments)]);
}

/** The arguments of `wg set` for one peer. */
export function peerArguments(peer: PeerConfig): string[] {
  const name = ['peer', formatPublicKey(peer.publicKey)];
  if (peer.remove) {
    return [...name, 'remove'];
  }
  const off = peer.keepaliveNow ? [...name, 'persistent-keepalive', '0'] : [];
  const change = [...off, ...name];
  if (peer.endpoint !== undefined) {
    change.push('endpoint', formatEndpoint(peer.endpoint));
  }
  if (peer.persistentKeepalive !== undefined) {
    change.push('persistent-keepalive', String(peer.persistentKeepalive));
  }
  return change;
}

function wg(interfaceName: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { ...wgExecution(), maxBuffer: MAX_OUTPUT_BYTES };
    execFile('wg', args, options, (error, stdout, stderr) => {
      if (error) {
        reject(explainWgFailure(interfaceName, error, stderr));
      } else {
        resolve(stdout);
      }
    });
  });
}
