import type { Device } from './device.js';
import { WgError } from './wg-error.js';

/** Why an interface cannot be worked with at the moment; a daemon waits until it can. */
export type Obstacle =
  | 'missing'
  | 'not-wireguard'
  | 'down'
  | 'no-private-key'
  | 'no-listen-port'
  | 'no-peers';

/** One line for each obstacle: what is wrong and what to do. */
export function describeObstacle(interfaceName: string, obstacle: Obstacle): string {
  const name = interfaceName;
  switch (obstacle) {
    case 'missing':
      return `there is no interface ${name}: create it (wg-quick up ${name})`;
    case 'not-wireguard':
      return `${name} is not a WireGuard interface, or its WireGuard process is gone: check the name with wg show interfaces`;
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

/** What a look at an interface found: the device, or the one obstacle to begin with. */
export type Look =
  | { readonly device: Device; readonly obstacle?: undefined }
  | { readonly obstacle: Obstacle; readonly device?: undefined };

/**
 * Looks at an interface.
 * @param isUp undefined when there is no such interface
 * @param read reads the device; its WgErrors other than those of obstacles pass through
 */
export async function lookAt(
  isUp: () => boolean | undefined,
  read: () => Promise<Device>,
): Promise<Look> {
  const up = isUp();
  if (up === undefined) {
    return { obstacle: 'missing' };
  }
  try {
    return judge(await read(), up);
  } catch (error) {
    const obstacle = error instanceof WgError ? obstacleOf(error) : undefined;
    if (obstacle === undefined) {
      throw error;
    }
    return { obstacle: isUp() === undefined ? 'missing' : obstacle };
  }
}

function judge(device: Device, up: boolean): Look {
  if (device.publicKey === undefined) {
    return { obstacle: 'no-private-key' };
  }
  if (!up) {
    return { obstacle: 'down' };
  }
  if (device.listenPort === 0) {
    return { obstacle: 'no-listen-port' };
  }
  return device.peers.length === 0 ? { obstacle: 'no-peers' } : { device };
}

function obstacleOf(error: WgError): Obstacle | undefined {
  switch (error.code) {
    case 'WG_NO_INTERFACE':
      return 'missing';
    case 'WG_NOT_WIREGUARD':
      return 'not-wireguard';
    default:
      return undefined;
  }
}
