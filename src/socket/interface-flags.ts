import { readFileSync } from 'node:fs';
import { loadBinding } from './binding.js';

const IFF_UP = 1;
const IFF_POINTOPOINT = 0x10;

/**
 * Whether a network interface is administratively up; undefined when there is no such interface.
 * Throws the system's error on anything else.
 */
export function interfaceIsUp(name: string): boolean | undefined {
  try {
    return (loadBinding().interfaceFlags(name) & IFF_UP) !== 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENODEV') {
      return undefined;
    }
    throw error;
  }
}

/**
 * Whether an interface is a tunnel: WireGuard's, or a TUN device, which wireguard-go and other VPNs use. False
 * also where the kernel does not say.
 */
export function isTunnel(name: string): boolean {
  const { interfaceFlags, interfaceKind } = loadBinding();
  try {
    const kind = interfaceKind(name);
    // A TAP device is of the same kind; only a TUN device is point-to-point.
    return (
      kind === 'wireguard' || (kind === 'tun' && (interfaceFlags(name) & IFF_POINTOPOINT) !== 0)
    );
  } catch {
    return false;
  }
}

/** The number of an interface, another one each time that it is made; undefined when there is none. */
export function interfaceIndex(name: string): number | undefined {
  return loadBinding().interfaceIndex(name) || undefined;
}

/**
 * The name of an interface of the calling thread's network namespace; undefined when there is none, or /proc
 * cannot be read.
 */
export function nameOfInterface(index: number): string | undefined {
  return interfaceNames().find((name) => interfaceIndex(name) === index);
}

/**
 * The interface with an address that is listed under a label. IPv4 addresses can have labels, which begin with the
 * interface's name (ip-address(8)) and which os.networkInterfaces() shows in its place. A label that fits no
 * interface is returned as it is.
 */
export function interfaceOfLabel(label: string): string {
  // No name of an interface has a colon, and the kernel cuts it off with what follows.
  const name = label.replace(/:.*/, '');
  if (interfaceIndex(name) !== undefined) {
    return name;
  }
  const fitting = interfaceNames().filter((one) => name.startsWith(one));
  return fitting.sort((a, b) => b.length - a.length)[0] ?? name;
}

/** The names of the interfaces of the calling thread's network namespace; none if /proc cannot be read. */
function interfaceNames(): string[] {
  try {
    const [, , ...lines] = readFileSync('/proc/thread-self/net/dev', 'latin1').split('\n');
    return lines
      .map((line) => line.slice(0, line.lastIndexOf(':')).trim())
      .filter((name) => name !== '');
  } catch {
    return [];
  }
}
