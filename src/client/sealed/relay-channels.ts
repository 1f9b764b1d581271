import { openRawSocket, type RawSocket } from '../../socket/raw-socket.js';
import type { Endpoint, Family } from '../../wire/endpoint.js';
import { BIND_LENGTH, BOUND_FIRST_WORD } from '../../wire/relay.js';
import type { Device } from '../../wireguard/device.js';
import type { Problems } from '../problems.js';

/** Sends binds to relay ports from WireGuard's own port, and receives the answers: a raw socket per family. */
export class RelayChannels {
  readonly #received: (from: Endpoint, message: Uint8Array) => void;
  readonly #problems: Problems;
  readonly #sockets = new Map<Family, RawSocket>();
  #device: Device | undefined;
  #settings = '';
  #closing: Promise<unknown> = Promise.resolve();

  /** @param received gets each datagram that has length and type of an answer, from wherever it came */
  constructor(received: (from: Endpoint, message: Uint8Array) => void, problems: Problems) {
    this.#received = received;
    this.#problems = problems;
  }

  /** Takes the interface as read last. Sockets are open for these families only, and for its port and mark. */
  use(device: Device, families: ReadonlySet<Family>): void {
    const settings = `${device.listenPort} ${device.fwmark}`;
    const isOther = settings !== this.#settings;
    this.#settings = settings;
    this.#device = device;
    for (const family of this.#sockets.keys()) {
      if (isOther || !families.has(family)) {
        this.#shut(family);
      }
    }
  }

  /** A failed send is ignored: another bind follows. */
  send(to: Endpoint, message: Uint8Array): void {
    try {
      this.#socket(to.family)?.send(message, to);
    } catch {
      // As above.
    }
  }

  /** Resolves when all sockets that were opened are closed. */
  async close(): Promise<void> {
    for (const family of this.#sockets.keys()) {
      this.#shut(family);
    }
    await this.#closing;
  }

  #socket(family: Family): RawSocket | undefined {
    const open = this.#sockets.get(family);
    if (open !== undefined || this.#device === undefined) {
      return open;
    }
    const { listenPort, fwmark } = this.#device;
    try {
      const socket = openRawSocket({
        rule: {
          family,
          source: undefined,
          listenPort,
          payloadLengths: [BIND_LENGTH],
          firstWord: BOUND_FIRST_WORD,
        },
        mark: fwmark,
        onPayload: (payload, from) => this.#received(from, payload),
        onError: ({ message }) => this.#raise(message),
      });
      this.#sockets.set(family, socket);
      return socket;
    } catch (error) {
      this.#raise((error as Error).message);
      return undefined;
    }
  }

  #raise(message: string): void {
    this.#problems.raise('relay', `peers without a direct path are not relayed: ${message}`);
  }

  #shut(family: Family): void {
    const socket = this.#sockets.get(family);
    this.#sockets.delete(family);
    if (socket !== undefined) {
      this.#closing = Promise.all([this.#closing, socket.close()]);
    }
  }
}
