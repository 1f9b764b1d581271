import {
  ADDRESS_LENGTH,
  addressBytes,
  type Endpoint,
  type Family,
  formatAddress,
} from '../wire/endpoint.js';
import { loadBinding, type NativeUdpBatch } from './binding.js';
import {
  ADDRESS_BYTES,
  createDatagramBatch,
  type DatagramBatch,
  PORT_WORD,
} from './datagram-batch.js';
import { inSocketNamespace } from './network-namespace.js';

/** Longer than any message between clients. */
const DEFAULT_MAX_PAYLOAD = 128;
const SLOTS = 4;
/** The smallest that the kernel grants: a socket gets a handful of datagrams. */
const RECEIVE_BUFFER_BYTES = 4096;
const ANY_ADDRESS = { 4: '0.0.0.0', 6: '::' } as const;

export interface SocketBankOptions {
  readonly family: Family;
  /** How many sockets to open. */
  readonly count: number;
  /** SO_MARK, the device's fwmark; 0 for none. */
  readonly mark: number;
  /** Bytes, a multiple of 4; what is longer is dropped. @default 128 */
  readonly maxPayload?: number;
  /** The payload belongs to the callee. */
  onPayload(socket: number, payload: Uint8Array, from: Endpoint): void;
  /** A receive failed; the socket stays open. */
  onError(error: Error): void;
}

/**
 * Many ordinary UDP sockets, each on a port of its own that the kernel chooses, in the namespace of WireGuard's
 * socket. They do not keep the process running.
 */
export class SocketBank implements AsyncDisposable {
  readonly #options: SocketBankOptions;
  readonly #sockets = new Map<number, NativeUdpBatch>();
  readonly #stride: number;
  readonly #batch: DatagramBatch;
  #closing: Promise<unknown> = Promise.resolve();

  /** Throws the system's error, EMFILE for one, after closing what it had opened. */
  constructor(options: SocketBankOptions) {
    this.#options = options;
    const { family, count, mark, maxPayload = DEFAULT_MAX_PAYLOAD } = options;
    this.#stride = maxPayload;
    this.#batch = createDatagramBatch(SLOTS, maxPayload);
    const { UdpBatch } = loadBinding();
    const address = addressBytes(ANY_ADDRESS[family]);
    try {
      inSocketNamespace(() => {
        for (let index = 0; index < count; index++) {
          const socket = new UdpBatch({
            family,
            address,
            scopeId: 0,
            port: 0,
            receiveBufferBytes: RECEIVE_BUFFER_BYTES,
            mark,
          });
          this.#sockets.set(index, socket);
          socket.start(() => this.#receive(index, socket));
          socket.unref();
        }
      });
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  /** The number of sockets that are open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** The port of a socket; undefined once it is closed. */
  portOf(socket: number): number | undefined {
    return this.#sockets.get(socket)?.port;
  }

  /** Sends a payload from a socket. What the kernel does not take is lost, as on the way. */
  send(socket: number, payload: Uint8Array, { address, port }: Endpoint): void {
    const native = this.#sockets.get(socket);
    if (native === undefined || payload.length > this.#stride) {
      return;
    }
    const batch = createDatagramBatch(1, this.#stride);
    batch.payload.set(payload);
    batch.lengths[0] = payload.length;
    batch.addressBytes.set(addressBytes(address));
    batch.addresses[PORT_WORD] = port;
    try {
      native.send(batch.payload, this.#stride, batch.lengths, batch.addresses, 1);
    } catch (error) {
      this.#options.onError(error as Error);
    }
  }

  /** Closes all sockets but one. */
  keepOnly(socket: number): void {
    for (const other of [...this.#sockets.keys()].filter((index) => index !== socket)) {
      this.#close(other);
    }
  }

  /** Idempotent; done when all descriptors are closed. */
  async close(): Promise<void> {
    for (const socket of [...this.#sockets.keys()]) {
      this.#close(socket);
    }
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #close(index: number): void {
    const socket = this.#sockets.get(index);
    this.#sockets.delete(index);
    if (socket !== undefined) {
      const closed = new Promise<void>((resolve) => socket.close(resolve));
      this.#closing = Promise.all([this.#closing, closed]);
    }
  }

  /** One batch at each wake: what is left wakes the loop again. */
  #receive(index: number, socket: NativeUdpBatch): void {
    const { payload, lengths, addresses } = this.#batch;
    const { family, onPayload, onError } = this.#options;
    let count = 0;
    try {
      count = socket.receive(payload, this.#stride, lengths, addresses);
    } catch (error) {
      onError(error as Error);
    }
    const received = Array.from({ length: count }, (_, slot) => this.#read(slot, family));
    for (const datagram of received) {
      if (datagram !== undefined && this.#sockets.has(index)) {
        onPayload(index, datagram.payload, datagram.from);
      }
    }
  }

  /** A copy of a slot; undefined if the datagram was too long. */
  #read(slot: number, family: Family): { payload: Uint8Array; from: Endpoint } | undefined {
    const { payload, lengths, addressBytes: bytes, addresses } = this.#batch;
    const length = lengths[slot] as number;
    if (length > this.#stride) {
      return undefined;
    }
    const at = slot * ADDRESS_BYTES;
    const address = formatAddress(bytes.slice(at, at + ADDRESS_LENGTH[family]));
    const port = addresses[at / 4 + PORT_WORD] as number;
    return {
      payload: payload.slice(slot * this.#stride, slot * this.#stride + length),
      from: { address, port, family },
    };
  }
}
