import type { Device } from './device.js';
import { WgError } from './wg-error.js';

/** Why an interface cannot be used now. Each reason can pass, so a daemon waits for it to. */
export type NotReadyReason =
  | 'missing'
  | 'not-wireguard'
  | 'down'
  | 'no-private-key'
  | 'no-listen-port'
  | 'no-peers';

/** One line per reason: what is wrong and what to do. */
export function describeNotReady(interfaceName: string, reason: NotReadyReason): string {
  const name = interfaceName;
  switch (reason) {
    case 'missing':
      return `there is no interface ${name}: create it (wg-quick up ${name})`;
    case 'not-wireguard':
      return `${name} is not a WireGuard interface, or its WireGuard process has exited: check the name with wg show interfaces`;
    case 'down':
      return `${name} is down: bring it up (ip link set ${name} up)`;
    case 'no-private-key':
      return `${name} has no private key: set one (wg set ${name} private-key FILE)`;
    case 'no-listen-port':
      return `${name} has no listen port: set one (wg set ${name} listen-port 51820)`;
    case 'no-peers':
      return `${name} has no peers: add one (wg set ${name} peer KEY allowed-ips ...)`;
  }
}

/** The device, or the first reason why it cannot be used. */
export type Readiness =
  | { readonly device: Device; readonly reason?: undefined }
  | { readonly reason: NotReadyReason; readonly device?: undefined };

/**
 * Reads an interface and decides whether it can be used.
 * @param isUp undefined when there is no such interface
 * @param read reads the device; WgErrors that do not map to a NotReadyReason are rethrown
 */
export async function inspect(
  isUp: () => boolean | undefined,
  read: () => Promise<Device>,
): Promise<Readiness> {
  const up = isUp();
  if (up === undefined) {
    return { reason: 'missing' };
  }
  try {
    return readiness(await read(), up);
  } catch (error) {
    const reason = error instanceof WgError ? reasonOf(error) : undefined;
    if (reason === undefined) {
      throw error;
    }
    return { reason: isUp() === undefined ? 'missing' : reason };
  }
}

function readiness(device: Device, up: boolean): Readiness {
  if (device.publicKey === undefined) {
    return { reason: 'no-private-key' };
  }
  if (!up) {
    return { reason: 'down' };
  }
  if (device.listenPort === 0) {
    return { reason: 'no-listen-port' };
  }
  return device.peers.length === 0 ? { reason: 'no-peers' } : { device };
}

function reasonOf(error: WgError): NotReadyReason | undefined {
  switch (error.code) {
    case 'WG_NO_INTERFACE':
      return 'missing';
    case 'WG_NOT_WIREGUARD':
      return 'not-wireguard';
    default:
      return undefined;
  }
}
