import { REJECT_ALL, replyFilter } from '../wire/bpf.js';
import { addressBytes, type Endpoint, type Family } from '../wire/endpoint.js';
import { encodeUdp } from '../wire/udp.js';
import { loadBinding, type NativeRawSocket, type RawReceived } from './binding.js';
import { LoopSocket } from './loop-socket.js';
import { PermissionError } from './permission-error.js';
import { checkReply, type ReplyRefusal, type ReplyRule } from './reply-check.js';
import { zoneNumber } from './zone.js';

/** Packets taken at one wake; what is left wakes the loop again, after everyone else had a turn. */
const MAX_RECEIVES_PER_WAKE = 32;

/** Longer than any reply; what is cut here fails the check of its length. */
const RECEIVE_BUFFER_BYTES = 2048;

export interface RawSocketOptions {
  /** The rendezvous server: the only one to be sent to and heard. */
  readonly server: Endpoint;
  /** WireGuard's port on this host: the source of what is sent, the destination of what is heard. */
  readonly listenPort: number;
  /** SO_MARK, the device's fwmark; 0 for none. */
  readonly mark: number;
  /** Payload lengths that a reply can have, in bytes. */
  readonly payloadLengths: readonly number[];
  /** The payload is the callee's own. */
  onPayload(payload: Uint8Array): void;
  /** A receive failed; the socket stays open. */
  onError(error: Error): void;
  /** @default the addon's raw socket */
  readonly open?: (family: Family) => NativeRawSocket;
}

/** Packets by what became of them. */
export type RawSocketCounters = Record<'accepted' | ReplyRefusal, number>;

/** A raw socket that speaks with one server from WireGuard's own port. */
export class RawSocket extends LoopSocket {
  readonly counters: RawSocketCounters = {
    accepted: 0,
    foreignAddress: 0,
    foreignPort: 0,
    badLength: 0,
    fragment: 0,
    malformed: 0,
  };
  readonly #native: NativeRawSocket;
  readonly #options: RawSocketOptions;
  readonly #rule: ReplyRule;
  readonly #zone: number;
  readonly #buffer = new Uint8Array(RECEIVE_BUFFER_BYTES);

  /** Takes the descriptor over; openRawSocket is the way to get one. */
  constructor(native: NativeRawSocket, options: RawSocketOptions) {
    super(native);
    const { server, listenPort, payloadLengths } = options;
    this.#native = native;
    this.#options = options;
    this.#zone = zoneNumber(server.address);
    this.#rule = {
      family: server.family,
      serverAddress: addressBytes(server.address),
      serverPort: server.port,
      listenPort,
      payloadLengths,
    };
    // Until the filter is on, the socket queues every UDP packet of this host. Nothing gets in any
    // more once all is rejected; what got in before is thrown away; only then is the door opened.
    native.attachFilter(REJECT_ALL);
    while (native.drain() > 0);
    native.attachFilter(replyFilter(this.#rule));
    native.start(() => this.#receive());
  }

  /** Sends a payload to the server from WireGuard's port. Throws the system's error. */
  send(payload: Uint8Array): void {
    const { listenPort, server } = this.#options;
    // Checksum 0 is "none" over IPv4; over IPv6 the kernel fills it in (IPV6_CHECKSUM).
    const datagram = encodeUdp({ sourcePort: listenPort, destinationPort: server.port, payload });
    this.#native.send(datagram, this.#rule.serverAddress, this.#zone);
  }

  /** Nothing is called back once close() has returned. */
  protected override shut(): Promise<void> {
    return new Promise((resolve) => this.#native.close(resolve));
  }

  #receive(): void {
    for (let i = 0; i < MAX_RECEIVES_PER_WAKE && !this.closing; i++) {
      const received = this.#take();
      if (received === null) {
        return;
      }
      const bytes = this.#buffer.subarray(0, received.length);
      this.#deliver(checkReply({ ...received, bytes }, this.#rule));
    }
  }

  #take(): RawReceived | null {
    try {
      return this.#native.receive(this.#buffer);
    } catch (error) {
      this.#options.onError(error as Error);
      return null;
    }
  }

  #deliver(checked: Uint8Array | ReplyRefusal): void {
    if (typeof checked === 'string') {
      this.counters[checked]++;
      return;
    }
    this.counters.accepted++;
    this.#options.onPayload(checked.slice());
  }
}

/**
 * Opens a raw socket that hears nothing but the server's replies.
 * Throws a PermissionError without CAP_NET_RAW (and, for a mark, CAP_NET_ADMIN); else the system's error.
 */
export function openRawSocket(options: RawSocketOptions): RawSocket {
  const open = options.open ?? ((family) => new (loadBinding().RawSocket)(family));
  const native = PermissionError.explain('the raw socket', 'CAP_NET_RAW', () =>
    open(options.server.family),
  );
  try {
    if (options.mark !== 0) {
      PermissionError.explain("marking the raw socket's packets", 'CAP_NET_ADMIN', () =>
        native.setMark(options.mark),
      );
    }
    return new RawSocket(native, options);
  } catch (error) {
    native.close();
    throw error;
  }
}
