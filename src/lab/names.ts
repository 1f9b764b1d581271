import { threadId } from 'node:worker_threads';

/** Where `ip netns` keeps namespaces, and WireGuard's userspace its control sockets. */
export const NETNS_FOLDER = '/run/netns';
export const WIREGUARD_FOLDER = '/run/wireguard';

const NAMESPACE = /^wgr-(\d+)-/;
const INTERFACE = /^wg([0-9a-z]+)-[0-9a-z]+-[0-9a-z]+-[0-9a-z]+\.sock$/;
const MAX_INTERFACE_LENGTH = 15;

let lastLab = 0;

/**
 * The names of one lab. They carry the pid of the process that made it, so that labs of several
 * processes never meet, and what a dead process left can be told from what is in use.
 */
export class LabNames {
  readonly #lab: string;
  readonly #interfacePrefix: string;

  constructor() {
    lastLab += 1;
    this.#lab = `wgr-${process.pid}-${threadId}-${lastLab}-`;
    const numbers = [process.pid, threadId, lastLab].map((number) => number.toString(36));
    this.#interfacePrefix = `wg${numbers.join('-')}-`;
  }

  namespace(node: string): string {
    return `${this.#lab}${node}`;
  }

  /**
   * A WireGuard interface. Its name is unique on the machine, not only in its namespace: the control
   * socket of wireguard-go has this name in a folder that all namespaces share.
   */
  interface(index: number): string {
    const name = `${this.#interfacePrefix}${index.toString(36)}`;
    if (name.length > MAX_INTERFACE_LENGTH) {
      throw new RangeError(`too many labs in one process: ${name} is too long for an interface`);
    }
    return name;
  }

  /** Whether a control socket is of this lab. */
  ownsSocket(file: string): boolean {
    return file.startsWith(this.#interfacePrefix);
  }
}

/** The pid in the name of a lab's namespace; undefined when it is not of a lab. */
export function namespaceCreator(name: string): number | undefined {
  const pid = NAMESPACE.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** The pid in the name of a control socket's file; undefined when it is not of a lab. */
export function socketCreator(file: string): number | undefined {
  const pid = INTERFACE.exec(file)?.[1];
  return pid === undefined ? undefined : Number.parseInt(pid, 36);
}
