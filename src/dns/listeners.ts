import { type BatchSocket, openBatchSocket, type ShortBuffer } from '../socket/batch-socket.js';
import { type ListenEndpoint, openAt } from '../socket/listening.js';
import { type SocketCounts, sumCounts } from '../socket/socket-counts.js';
import { openTcpListener, type TcpListener } from '../socket/tcp-listener.js';
import type { Endpoint } from '../wire/endpoint.js';
import { serveConnection } from './tcp-connection.js';
import { type Answering, UdpHandler } from './udp-handler.js';

export interface ListenersOptions {
  readonly listen: readonly ListenEndpoint[];
  readonly interfaceName?: string | undefined;
  readonly receiveBufferBytes: number;
  /** Called when a whole receive or send over UDP fails. */
  readonly onSocketError: (error: Error) => void;
}

/** How often the kernel chooses a port that has to be free for TCP as well as for UDP. */
const MAX_CHOICES = 20;

/** A UDP and a TCP socket at each address. */
export class Listeners {
  private readonly udp: BatchSocket[] = [];
  private readonly tcp: TcpListener[] = [];

  /** Rejects with the system's error, its address and port; nothing stays open then. */
  static async open(options: ListenersOptions, answering: Answering): Promise<Listeners> {
    const listeners = new Listeners();
    try {
      for (const endpoint of options.listen) {
        await listeners.add(endpoint, options, answering);
      }
    } catch (error) {
      await listeners.close();
      throw error;
    }
    return listeners;
  }

  /** Never port 0. */
  get addresses(): readonly Endpoint[] {
    return this.udp.map(({ address }) => address);
  }

  get batched(): boolean {
    return this.udp.every(({ implementation }) => implementation === 'native');
  }

  /** The buffers that the kernel made smaller than requested; the same for each UDP socket. */
  get shortBuffers(): readonly ShortBuffer[] {
    return this.udp[0]?.shortBuffers ?? [];
  }

  get counts(): SocketCounts {
    return sumCounts(this.udp.map(({ counters }) => counters));
  }

  /** Answers the queries that have arrived over UDP, accepts no more connections, and keeps the open ones. */
  async close(): Promise<void> {
    for (const listener of this.tcp) {
      listener.close();
    }
    await Promise.all(this.udp.map((socket) => socket.close()));
  }

  private async add(
    endpoint: ListenEndpoint,
    options: ListenersOptions,
    answering: Answering,
  ): Promise<void> {
    await openAt(endpoint, async () => {
      for (let i = 1; ; i++) {
        try {
          return await this.addBoth(endpoint, options, answering);
        } catch (error) {
          const isInUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
          if (endpoint.port !== 0 || !isInUse || i === MAX_CHOICES) {
            throw error;
          }
        }
      }
    });
  }

  private async addBoth(
    endpoint: ListenEndpoint,
    { interfaceName, receiveBufferBytes, onSocketError }: ListenersOptions,
    answering: Answering,
  ): Promise<void> {
    const { address, port, family } = endpoint;
    let socket: BatchSocket | undefined;
    const handler = new UdpHandler(answering, endpoint, () => socket as BatchSocket);
    socket = await openBatchSocket({
      family,
      address,
      port,
      receiveBufferBytes,
      interfaceName,
      onBatch: (batch, count) => handler.handle(batch, count),
      onError: onSocketError,
    });
    try {
      const listener = await openTcpListener({
        endpoint: socket.address, // the same port, where the kernel chose it
        interfaceName,
        onConnection: (connection) => serveConnection(connection, answering),
      });
      this.tcp.push(listener);
    } catch (error) {
      await socket.close();
      throw error;
    }
    this.udp.push(socket);
  }
}
