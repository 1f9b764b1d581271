import type { ListenEndpoint } from '../socket/listening.js';
import { type Endpoint, isWildcard } from '../wire/endpoint.js';
import { STUN_PORT } from '../wire/stun.js';

/**
 * What a socket is for. `main`: every protocol. `probe`: the second port of an address, where clients ask how
 * their NATs behave: the sealed protocol and STUN. `stun`: port 3478, STUN only.
 */
export type SocketRole = 'main' | 'probe' | 'stun';

/** A socket to open. */
export interface PlannedSocket {
  readonly listen: ListenEndpoint;
  readonly role: SocketRole;
}

export interface PortOptions {
  readonly listen: readonly ListenEndpoint[];
  /** The second port of each address; undefined for none. */
  readonly probePort: number | undefined;
  /** Listen on 3478 as well. */
  readonly stun: boolean;
}

/**
 * The sockets of a server: those that are listed, then the second port and 3478 of each of their addresses.
 * Where any port will do as the first one, any will do as the second.
 */
export function planSockets({ listen, probePort, stun }: PortOptions): PlannedSocket[] {
  const planned: PlannedSocket[] = listen.map((it) => ({ listen: it, role: 'main' }));
  const add = (role: SocketRole, it: ListenEndpoint, port: number) => {
    const isTaken = planned.some(
      ({ listen: other, role: its }) =>
        other.address === it.address && (its === role || (port !== 0 && other.port === port)),
    );
    if (!isTaken) {
      planned.push({ listen: { ...it, port }, role });
    }
  };
  if (probePort !== undefined) {
    for (const it of listen) {
      add('probe', it, it.port === 0 ? 0 : probePort);
    }
  }
  if (stun) {
    for (const it of listen) {
      add('stun', it, STUN_PORT);
    }
  }
  return planned;
}

/** An open socket; they are numbered in the order in which they are opened. */
export interface OpenPort {
  readonly address: Endpoint;
  readonly role: SocketRole;
}

/** No socket. */
export const NONE = -1;

/** Which sockets stand in for each other if a client asks for an answer from elsewhere (RFC 5780). */
export class Ports {
  readonly #open: OpenPort[] = [];

  get open(): readonly OpenPort[] {
    return this.#open;
  }

  add(port: OpenPort): void {
    this.#open.push(port);
  }

  address(socket: number): Endpoint {
    return this.#open[socket]!.address;
  }

  /** The socket with another port of the same address, or NONE: the probe port, and for that the main one. */
  otherPort(socket: number): number {
    const port = this.#open[socket];
    return port === undefined ? NONE : this.#otherPortAt(port.address.address, port);
  }

  /** The number of the other port, which clients learn; 0 for none. */
  otherPortNumber(socket: number): number {
    return this.#open[this.otherPort(socket)]?.address.port ?? 0;
  }

  /** The socket with the same port of another address of the family, or NONE. */
  otherAddress(socket: number): number {
    const port = this.#open[socket];
    const other = port && this.#nextAddress(port.address);
    return this.#open.findIndex(
      ({ address, role }) =>
        address.address === other && role === port?.role && address.port === port?.address.port,
    );
  }

  /** The socket with another port of another address, or NONE. */
  otherAddressAndPort(socket: number): number {
    const port = this.#open[socket];
    const other = port && this.#nextAddress(port.address);
    return port === undefined || other === undefined ? NONE : this.#otherPortAt(other, port);
  }

  #otherPortAt(where: string, { role, address }: OpenPort): number {
    const order: readonly SocketRole[] =
      role === 'probe' ? ['main', 'stun'] : ['probe', role === 'main' ? 'stun' : 'main'];
    const candidates = order.map((wanted) =>
      this.#open.findIndex(
        (it) =>
          it.role === wanted && it.address.address === where && it.address.port !== address.port,
      ),
    );
    return candidates.find((found) => found !== NONE) ?? NONE;
  }

  /** Of several addresses of a family the next, and after the last the first. A wildcard is no address. */
  #nextAddress({ address, family }: Endpoint): string | undefined {
    const all = this.#open
      .filter(({ address: it }) => it.family === family && !isWildcard(it.address))
      .map(({ address: it }) => it.address);
    const distinct = [...new Set(all)];
    const at = distinct.indexOf(address);
    return at < 0 || distinct.length < 2 ? undefined : distinct[(at + 1) % distinct.length];
  }
}
