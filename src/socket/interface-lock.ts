import { loadBinding } from './binding.js';

const ROOT_USER = 0;

/** Another process that may manage an interface. */
export interface LockHolder {
  /** 0 if this process cannot see it, as from inside a container. */
  readonly pid: number;
  /** The user who runs it; -1 where unknown. */
  readonly uid: number;
}

/**
 * Makes this process the one client of an interface, until it ends. The lock is an abstract unix socket
 * (unix(7)), so it counts in this network namespace, as interface names do, and leaves nothing behind.
 * Throws an AddonError or the system's error.
 * @returns undefined when the lock is taken, else who holds it
 */
export function lockInterface(interfaceName: string): LockHolder | undefined {
  const taken = loadBinding().lockName(`wg-rendezvous/client/${interfaceName}`);
  return typeof taken === 'number' ? undefined : { pid: taken[0], uid: taken[1] };
}

/**
 * Whether a holder may be a client: any user can take any abstract name, and only root and the user who
 * runs this one are believed.
 */
export function isTrustedHolder({ uid }: LockHolder): boolean {
  return uid === ROOT_USER || uid === process.geteuid?.();
}
