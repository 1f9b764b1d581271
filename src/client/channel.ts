import { openRawSocket, type RawSocketOptions } from '../socket/raw-socket.js';
import type { SharedSocket } from '../socket/socket-pool.js';
import { addressBytes, type Endpoint, formatEndpoint } from '../wire/endpoint.js';
import { hopsFrom } from './paths/opener-ttl.js';
import { traceDatagram, traceDecision } from './trace.js';

/** The parameters of a raw socket: if any of them changes, a new one is needed. */
export interface ChannelSettings {
  readonly server: Endpoint;
  readonly listenPort: number;
  readonly fwmark: number;
  /** Payload lengths that a reply can have, in bytes. */
  readonly payloadLengths: readonly number[];
}

/** Opens the raw socket of a channel, or a share of one. */
export type OpenSocket = (options: RawSocketOptions) => SharedSocket;

/** `moved`: replies to what was sent before cannot arrive; `reopened`: they still can. */
export type Reopening = 'kept' | 'reopened' | 'moved';

/** The raw socket to the server, rebuilt whenever the server's address, our port or the mark changes. */
export class Channel {
  readonly #received: (payload: Uint8Array, server: Endpoint) => void;
  readonly #failed: (error: Error) => void;
  readonly #noted: (fact: string) => void;
  readonly #open: OpenSocket;
  #hops: number | undefined;
  #socket: SharedSocket | undefined;
  #server: Endpoint | undefined;
  #path = '';
  #fwmark = 0;
  #closing: Promise<void> = Promise.resolve();

  /**
   * @param received gets the payload of each datagram from the server, and where the server is
   * @param noted gets facts about the route to the server
   */
  constructor(
    received: (payload: Uint8Array, server: Endpoint) => void,
    failed: (error: Error) => void,
    noted: (fact: string) => void,
    open: OpenSocket = openRawSocket,
  ) {
    this.#received = received;
    this.#failed = failed;
    this.#noted = noted;
    this.#open = open;
  }

  /** How many hops away the server is; undefined until it answered, and over IPv6. */
  get hops(): number | undefined {
    return this.#hops;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Opens the socket unless the one open fits. Throws a SystemError. */
  use({ server, listenPort, fwmark, payloadLengths }: ChannelSettings): Reopening {
    const path = `${formatEndpoint(server)} ${listenPort}`;
    if (this.#socket !== undefined && path === this.#path && fwmark === this.#fwmark) {
      return 'kept';
    }
    void this.close();
    this.#hops = undefined;
    this.#socket = this.#open({
      rule: {
        family: server.family,
        source: { address: addressBytes(server.address), port: server.port },
        listenPort,
        payloadLengths,
      },
      mark: fwmark,
      onPayload: (payload, _, ttl) => {
        this.#hops = ttl === undefined ? undefined : hopsFrom(ttl);
        const bytes = payload.length;
        traceDatagram({ way: 'received', kind: 'request', endpoint: server, bytes });
        this.#received(payload, server);
      },
      onError: this.#failed,
      onRouteDifference: this.#noted,
    });
    const reopening = path === this.#path ? 'reopened' : 'moved';
    this.#server = server;
    this.#path = path;
    this.#fwmark = fwmark;
    traceDecision(() => `the server is asked at ${path.replace(' ', ' from port ')}`);
    return reopening;
  }

  /** Sends to the server. Throws a SystemError. */
  send(payload: Uint8Array): void {
    const endpoint = this.#server;
    if (endpoint === undefined || this.#socket === undefined) {
      return;
    }
    const bytes = payload.length;
    try {
      this.#socket.send(payload, endpoint);
      traceDatagram({ way: 'sent', kind: 'request', endpoint, bytes });
    } catch (error) {
      const text = (error as Error).message;
      traceDatagram({ way: 'failed', kind: 'request', endpoint, bytes, text });
      throw error;
    }
  }

  /** Closes the socket, if there is one; resolves when all that were opened are closed. */
  close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) {
      this.#closing = Promise.all([this.#closing, socket.close()]).then(() => undefined);
    }
    return this.#closing;
  }
}
