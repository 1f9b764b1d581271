import { ConnectedSocket } from '../../socket/connected-socket.js';
import { exchangeOverTcp } from '../../socket/tcp-exchange.js';
import { type Endpoint, sameEndpoint } from '../../wire/endpoint.js';
import { traceDatagram, type Way } from '../trace.js';

export interface DnsChannelEvents {
  /** Datagrams can be sent now. */
  onConnected(): void;
  /** The system has taken a datagram to send. */
  onSent(): void;
  onMessage(message: Uint8Array): void;
  onError(error: NodeJS.ErrnoException): void;
}

/** The sockets to a DNS server: one UDP socket at a time, and a TCP connection for each query that needs it. */
export class DnsChannel {
  readonly #events: DnsChannelEvents;
  #server: Endpoint | undefined;
  #socket: ConnectedSocket | undefined;
  #connections = new AbortController();
  #closing: Promise<unknown> = Promise.resolve();

  constructor(events: DnsChannelEvents) {
    this.#events = events;
  }

  get isConnected(): boolean {
    return this.#socket?.isConnected ?? false;
  }

  /** Opens a socket to the server, unless it is open: then returns false. Throws the system's error. */
  use(server: Endpoint): boolean {
    if (this.#socket !== undefined && sameEndpoint(server, this.#server)) {
      return false;
    }
    void this.close();
    this.#server = server;
    const socket = new ConnectedSocket({
      ...this.#events,
      server,
      onMessage: (message) => {
        this.#trace('received', message);
        this.#events.onMessage(message);
      },
      onError: (error) => this.#failed(socket, error),
    });
    this.#socket = socket;
    return true;
  }

  send(message: Uint8Array): void {
    this.#trace('sent', message);
    this.#socket?.send(message);
  }

  /** Sends a query over TCP, and resolves to the reply; rejects without one. */
  async exchange(message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    if (this.#server === undefined) {
      throw new Error('no server');
    }
    const { signal } = this.#connections;
    return exchangeOverTcp(this.#server, message, { timeoutMs, signal });
  }

  #trace(way: Way, { length: bytes }: Uint8Array): void {
    if (this.#server !== undefined) {
      traceDatagram({ way, kind: 'request', endpoint: this.#server, bytes });
    }
  }

  /** Drops a socket that cannot be connected; the next call of `use` opens another one. */
  #failed(socket: ConnectedSocket, error: NodeJS.ErrnoException): void {
    if (!socket.isConnected) {
      void this.close();
    }
    this.#events.onError(error);
  }

  /** Closes the socket and all connections, if there are any; resolves when the sockets are closed. */
  close(): Promise<unknown> {
    this.#connections.abort();
    this.#connections = new AbortController();
    this.#closing = Promise.all([this.#closing, this.#socket?.close()]);
    this.#socket = undefined;
    return this.#closing;
  }
}
