import { createSocket, type Socket } from 'node:dgram';
import type { Endpoint } from '../wire/endpoint.js';
import { LoopSocket } from './loop-socket.js';
import { plainLookup } from './plain-lookup.js';

export interface ConnectedSocketOptions {
  readonly server: Endpoint;
  /** Called when datagrams can be sent. */
  onConnected(): void;
  /** Called when the system has taken a datagram to send. */
  onSent?(): void;
  /** Called with each datagram that the server sent: the kernel drops those of others. */
  onMessage(message: Uint8Array): void;
  /** Called with the system's errors, such as ECONNREFUSED if the server's port is closed. */
  onError(error: NodeJS.ErrnoException): void;
}

/** A UDP socket that speaks with one server only, from a port that the kernel chooses. */
export class ConnectedSocket extends LoopSocket {
  readonly #socket: Socket;
  readonly #options: ConnectedSocketOptions;
  #connected = false;

  constructor(options: ConnectedSocketOptions) {
    const { server } = options;
    const socket = createSocket({
      type: server.family === 4 ? 'udp4' : 'udp6',
      lookup: plainLookup,
    });
    super(socket);
    this.#socket = socket;
    this.#options = options;
    socket.on('message', (message) => this.#unlessClosing(() => options.onMessage(message)));
    socket.on('error', (error) => this.#failed(error));
    socket.on('connect', () => {
      this.#connected = true;
      this.#unlessClosing(() => options.onConnected());
    });
    socket.connect(server.port, server.address);
  }

  /** Whether datagrams can be sent. */
  get isConnected(): boolean {
    return this.#connected && !this.closing;
  }

  /** Sends a datagram; errors go to onError. */
  send(message: Uint8Array): void {
    this.#socket.send(message, (error) => {
      if (error === null) {
        this.#unlessClosing(() => this.#options.onSent?.());
      } else {
        this.#failed(error);
      }
    });
  }

  protected override async shut(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #failed(error: Error): void {
    this.#unlessClosing(() => this.#options.onError(error));
  }

  #unlessClosing(tell: () => void): void {
    if (!this.closing) {
      tell();
    }
  }
}
