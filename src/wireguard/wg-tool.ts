import { type ExecFileException, execFile } from 'node:child_process';
import { formatEndpoint } from '../wire/endpoint.js';
import { formatPublicKey } from '../wire/key.js';
import type { Device, PeerConfig } from './device.js';
import { parseDump } from './dump.js';
import { WgError } from './wg-error.js';

const TIMEOUT_MS = 5000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Reads an interface. Throws a WgError. */
export async function readDevice(interfaceName: string): Promise<Device> {
  const text = await wg(interfaceName, ['show', interfaceName, 'dump']);
  try {
    return parseDump(text);
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
    const options = {
      timeout: TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
      env: { ...process.env, LC_ALL: 'C' },
    };
    execFile('wg', args, options, (error, stdout, stderr) => {
      if (error) {
        reject(explain(interfaceName, error, stderr));
      } else {
        resolve(stdout);
      }
    });
  });
}

/**
 * Turns a failed call into one line. The cause is left out on purpose: it carries the argument list, and
 * its output may hold keys.
 */
function explain(name: string, error: ExecFileException, stderr: string): WgError {
  if (error.code === 'ENOENT') {
    return new WgError(
      'WG_TOOL_MISSING',
      'the wg tool is not installed: install the package wireguard-tools',
    );
  }
  if (error.killed) {
    return new WgError('WG_TIMEOUT', `wg did not answer about ${name} within ${TIMEOUT_MS} ms`);
  }
  const reason = String(error.code ?? error.signal ?? 'no reason given');
  const said = stderr.trim().split('\n').at(-1) || reason;
  if (/not permitted|permission denied/i.test(said)) {
    return new WgError(
      'WG_NOT_PERMITTED',
      `may not read or change ${name}: this needs CAP_NET_ADMIN, run as root`,
    );
  }
  if (/no such device/i.test(said)) {
    return new WgError('WG_NO_INTERFACE', `there is no interface ${name}`);
  }
  if (/not supported/i.test(said)) {
    return new WgError('WG_NOT_WIREGUARD', `${name} is not a WireGuard interface`);
  }
  return new WgError('WG_FAILED', `wg failed on ${name}: ${said}`);
}
