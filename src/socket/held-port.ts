import { createSocket, type Socket } from 'node:dgram';
import type { Family } from '../wire/endpoint.js';
import { LoopSocket } from './loop-socket.js';
import { inSocketNamespace } from './network-namespace.js';

/**
 * A free UDP port that no other socket can take while it is held, in the namespace of WireGuard's socket. A raw
 * socket sends from it and receives: this one only keeps the kernel from answering that the port is closed.
 */
export class HeldPort extends LoopSocket {
  readonly #socket: Socket;

  /** Throws the system's error. */
  constructor(family: Family) {
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      // At once, and so within the namespace: the default looks names up in a later tick.
      lookup: (address, _options, done) => done(null, address, family),
    });
    super(socket);
    this.#socket = socket;
    socket.on('error', () => {});
    inSocketNamespace(() => socket.bind({ port: 0, exclusive: true }));
  }

  /** 0 if none could be had. */
  get port(): number {
    try {
      return this.#socket.address().port;
    } catch {
      return 0;
    }
  }

  protected override async shut(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}
