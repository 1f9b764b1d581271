import { threadId } from 'node:worker_threads';

/** The folders of `ip netns` for namespaces, and of wireguard-go for control sockets. */
export const NETNS_FOLDER = '/run/netns';
export const WIREGUARD_FOLDER = '/run/wireguard';

const NAMESPACE = /^wgr-(\d+)-/;
const INTERFACE = /^wg([0-9a-z]+)-[0-9a-z]+-[0-9a-z]+-[0-9a-z]+\.sock$/;
const MAX_INTERFACE_LENGTH = 15;

let lastLab = 0;

/**
 * The names of one lab. They contain the pid of its process: labs of several processes do not collide,
 * and the traces of a dead process can be recognized.
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
   * The name of a WireGuard interface. It is unique on the machine, because the control socket of
   * wireguard-go has this name in a folder that all namespaces share.
   */
  interface(index: number): string {
    const name = `${this.#interfacePrefix}${index.toString(36)}`;
    if (name.length > MAX_INTERFACE_LENGTH) {
      throw new RangeError(`too many labs in one process: ${name} is too long for an interface`);
    }
    return name;
  }

  /** Whether a control socket belongs to this lab. */
  ownsSocket(file: string): boolean {
    return file.startsWith(this.#interfacePrefix);
  }
}

/** The pid in the name of a namespace; undefined if it belongs to no lab. */
export function namespaceCreator(name: string): number | undefined {
  const pid = NAMESPACE.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** The pid in the file name of a control socket; undefined if it belongs to no lab. */
export function socketCreator(file: string): number | undefined {
  const pid = INTERFACE.exec(file)?.[1];
  return pid === undefined ? undefined : Number.parseInt(pid, 36);
}
