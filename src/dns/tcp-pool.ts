import type { Socket } from 'node:net';
import type { HashKey } from '../limits/half-siphash.js';
import { sourceHash } from '../limits/source-hash.js';
import { addressBytes, addressFamily } from '../wire/endpoint.js';
import { serveConnection } from './tcp-connection.js';
import type { Answering } from './udp-handler.js';

/** Connections at once; further ones are turned away (RFC 7766 section 6.2.2). */
export const MAX_CONNECTIONS = 512;

/** Of those the ones that a source may have, so that no single one keeps out the others. */
const MAX_PER_SOURCE = 32;

/** The TCP connections of a server. */
export class TcpPool {
  accepted = 0;
  turnedAway = 0;
  private readonly open = new Set<Socket>();
  private readonly perSource = new Map<number, number>();

  constructor(private readonly answering: Answering) {}

  /** Serves a connection, or turns it away. */
  admit(socket: Socket): void {
    const source = sourceOf(socket.remoteAddress, this.answering.hashKey);
    const others = this.perSource.get(source) ?? 0;
    if (this.open.size >= MAX_CONNECTIONS || others >= MAX_PER_SOURCE) {
      this.turnedAway++;
      socket.destroy();
      return;
    }
    this.accepted++;
    this.open.add(socket);
    this.perSource.set(source, others + 1);
    socket.on('close', () => this.forget(socket, source));
    serveConnection(socket, source, this.answering);
  }

  /** Connections that are open. */
  get size(): number {
    return this.open.size;
  }

  closeAll(): void {
    for (const socket of this.open) {
      socket.destroy();
    }
  }

  private forget(socket: Socket, source: number): void {
    this.open.delete(socket);
    const left = (this.perSource.get(source) ?? 1) - 1;
    if (left === 0) {
      this.perSource.delete(source);
    } else {
      this.perSource.set(source, left);
    }
  }
}

/** The source of an address, by which a rate is limited; an address that is gone already counts as `::`. */
function sourceOf(address = '::', key: HashKey): number {
  const words = new Uint32Array(4);
  new Uint8Array(words.buffer).set(addressBytes(address));
  return sourceHash(words, 0, addressFamily(address) ?? 6, key);
}
