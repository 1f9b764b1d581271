import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { loadBinding } from './binding.js';
import { PermissionError } from './permission-error.js';

/** Where `ip netns` keeps the namespaces that it names. */
const NAMED_NAMESPACES = '/run/netns';
/** Of the calling thread: a worker is not the main thread. */
const OWN_NAMESPACE = '/proc/thread-self/ns/net';

let socketNamespace: string | undefined;

/** The file of a network namespace, given by its name (`ip netns`) or by the PID of a process in it. */
export function namespacePath(nameOrPid: string): string {
  return /^\d+$/.test(nameOrPid) ? `/proc/${nameOrPid}/ns/net` : `${NAMED_NAMESPACES}/${nameOrPid}`;
}

/**
 * Makes inSocketNamespace() use another network namespace than that of this process: the one that
 * WireGuard's UDP socket is in, where the interface was moved after its creation (wireguard.com/netns).
 * Throws a RangeError when there is no such namespace.
 */
export function useSocketNamespace(path: string | undefined): void {
  if (path !== undefined) {
    try {
      closeSync(openSync(path, 'r'));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new RangeError(`there is no network namespace ${path} (${code})`, { cause });
    }
  }
  socketNamespace = path;
}

/** Whether WireGuard's socket is in another namespace than this process. */
export function isSocketElsewhere(): boolean {
  return socketNamespace !== undefined;
}

/**
 * Does work, which must not wait for anything, in the namespace of WireGuard's socket: what it opens stays
 * there. Throws what the work throws, and a PermissionError without CAP_SYS_ADMIN.
 */
export function inSocketNamespace<T>(work: () => T): T {
  if (socketNamespace === undefined) {
    return work();
  }
  const own = openSync(OWN_NAMESPACE, 'r');
  try {
    enter(socketNamespace);
    try {
      return work();
    } finally {
      // Fails only for want of privilege, which was there a moment ago.
      loadBinding().enterNetworkNamespace(own);
    }
  } finally {
    closeSync(own);
  }
}

/**
 * Whether a UDP socket has this port in the namespace of WireGuard's socket. WireGuard's own counts, be it
 * the kernel's or that of a process.
 */
export function hasUdpPort(port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return inSocketNamespace(() =>
    ['udp', 'udp6'].some((name) =>
      localAddresses(name).some((address) => address.endsWith(suffix)),
    ),
  );
}

/** The local address of each line of a table of sockets, `00000000:CA6C` for one. */
function localAddresses(table: string): string[] {
  const path = `/proc/thread-self/net/${table}`;
  if (!existsSync(path)) {
    return []; // a kernel without IPv6
  }
  const [, ...lines] = readFileSync(path, 'latin1').trimEnd().split('\n');
  return lines.map((line) => line.trim().split(/\s+/)[1] ?? '');
}

function enter(path: string): void {
  const fd = openSync(path, 'r');
  try {
    PermissionError.explain('--socket-namespace', 'CAP_SYS_ADMIN', () =>
      loadBinding().enterNetworkNamespace(fd),
    );
  } finally {
    closeSync(fd);
  }
}
