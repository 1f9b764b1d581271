import { loadBinding } from './binding.js';

const IFF_UP = 1;

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

/** The number of an interface, another one each time that it is made; undefined when there is none. */
export function interfaceIndex(name: string): number | undefined {
  return loadBinding().interfaceIndex(name) || undefined;
}
