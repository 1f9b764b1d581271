import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { inSocketNamespace } from './network-namespace.js';

/** A process that holds a socket. */
export interface SocketHolder {
  readonly pid: number;
  /** The name of its program, as the kernel has it. */
  readonly command: string;
}

/** UDP, as /proc/net/raw counts protocols. */
const UDP = 0x11;

const LOCKS = '@wg-rendezvous/client/';

/** The processes that hold the lock of an interface's client (interface-lock.ts). */
export function lockHolders(interfaceName: string): SocketHolder[] {
  return holdersOfNames((name) => name === LOCKS + interfaceName);
}

/** The clients of all other interfaces. */
export function clientsOfOthers(interfaceName: string): SocketHolder[] {
  return holdersOfNames((name) => name.startsWith(LOCKS) && name !== LOCKS + interfaceName);
}

function holdersOfNames(isWanted: (name: string) => boolean): SocketHolder[] {
  const lines = table('unix').filter((columns) => isWanted(columns[7] ?? ''));
  return holdersOf(lines.map((columns) => columns[6] ?? ''));
}

/** The processes that have raw UDP sockets in the namespace of WireGuard's socket. */
export function rawUdpHolders(): SocketHolder[] {
  const lines = inSocketNamespace(() => [...table('raw'), ...table('raw6')]);
  const inodes = lines
    .filter(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16) === UDP)
    .map((columns) => columns[9] ?? '');
  return holdersOf(inodes);
}

/** The lines of a table of sockets (proc(5)), in columns. */
function table(name: string): string[][] {
  try {
    const [, ...lines] = readFileSync(`/proc/thread-self/net/${name}`, 'latin1').split('\n');
    return lines.map((line) => line.trim().split(/\s+/));
  } catch {
    return []; // a kernel without IPv6
  }
}

/** The processes that this one can see with these sockets open; needs root for those of other users. */
function holdersOf(inodes: readonly string[]): SocketHolder[] {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  if (wanted.size === 0) {
    return [];
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && holdsOne(name, wanted))
    .map((name) => ({ pid: Number(name), command: commandOf(name) }));
}

function holdsOne(pid: string, wanted: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return wanted.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false; // closed meanwhile
      }
    });
  } catch {
    return false; // gone, or another user's
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
  } catch {
    return 'gone';
  }
}
