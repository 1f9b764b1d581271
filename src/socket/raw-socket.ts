import {
  MAX_SOURCES,
  type PacketRule,
  type PacketSource,
  packetFilter,
  REJECT_ALL,
} from '../wire/bpf.js';
import {
  ADDRESS_LENGTH,
  addressBytes,
  type Endpoint,
  type Family,
  formatAddress,
} from '../wire/endpoint.js';
import { encodeUdp, udpChecksum } from '../wire/udp.js';
import {
  loadBinding,
  type NativeRawSocket,
  type NativeRoute,
  type RawReceived,
} from './binding.js';
import { nameOfInterface } from './interface-flags.js';
import { LoopSocket } from './loop-socket.js';
import { inSocketNamespace } from './network-namespace.js';
import { checkPacket, type PacketRefusal } from './packet-check.js';
import { PermissionError } from './permission-error.js';
import { routeDifference } from './route-difference.js';
import { zoneNumber } from './zone.js';

/** Packets taken at one wake; what is left wakes the loop again, after other handlers had their turn. */
const MAX_RECEIVES_PER_WAKE = 32;

/** Longer than any reply; what is cut here fails the check of its length. */
const RECEIVE_BUFFER_BYTES = 2048;

export interface RawSocketOptions {
  /** The datagrams to receive; `listenPort` is the source port of what is sent, too. */
  readonly rule: PacketRule;
  /** SO_MARK, the device's fwmark; 0 for none. */
  readonly mark: number;
  /**
   * The payload belongs to the callee; `from` has no zone.
   * @param ttl what is left of the sender's TTL; undefined over IPv6
   */
  onPayload(payload: Uint8Array, from: Endpoint, ttl: number | undefined): void;
  /** A receive failed; the socket stays open. */
  onError(error: Error): void;
  /**
   * Gets a text when WireGuard's route to an address differs from that of the host's other packets: with
   * the first packet, and again when WireGuard's route changes.
   */
  onRouteDifference?(text: string): void;
  /** @default the addon's raw socket */
  readonly open?: (family: Family) => NativeRawSocket;
}

/** Packets by what became of them. */
export type RawSocketCounters = Record<'accepted' | PacketRefusal, number>;

/** A raw socket that sends from WireGuard's own port and receives what fits its rule. */
export class RawSocket extends LoopSocket {
  readonly counters: RawSocketCounters = {
    accepted: 0,
    foreignAddress: 0,
    foreignPort: 0,
    badLength: 0,
    foreignContent: 0,
    fragment: 0,
    malformed: 0,
  };
  readonly #native: NativeRawSocket;
  readonly #options: RawSocketOptions;
  readonly #buffer = new Uint8Array(RECEIVE_BUFFER_BYTES);
  #rule: PacketRule;
  /** By address, the last route that was compared with that of other packets. */
  readonly #compared = new Map<string, NativeRoute>();

  /** Takes the descriptor over; openRawSocket is the way to get one. */
  constructor(native: NativeRawSocket, options: RawSocketOptions) {
    super(native);
    this.#native = native;
    this.#options = options;
    this.#rule = options.rule;
    // Until the filter is on, the socket queues every UDP packet of this host. First reject
    // everything, then throw away what was queued before, and only then attach the real filter.
    native.attachFilter(REJECT_ALL);
    while (native.drain() > 0);
    native.attachFilter(packetFilter(options.rule));
    native.start(() => this.#receive());
  }

  /** From now on receives from these sources only. Throws the system's error. */
  useSources(sources: readonly PacketSource[]): void {
    const rule = { ...this.#rule, source: sources };
    this.#native.attachFilter(packetFilter(rule));
    this.#rule = rule;
  }

  /**
   * Sends a payload from WireGuard's port, by the route, source address and interface of WireGuard's own
   * packets: a raw socket's own lookup knows no ports. Throws the system's error.
   * @param hopLimit TTL or hop limit, 1..255. @default the system's
   */
  send(payload: Uint8Array, { address, port }: Endpoint, hopLimit?: number): void {
    const { listenPort } = this.#options.rule;
    const destination = addressBytes(address);
    const zone = address.includes('%') ? inSocketNamespace(() => zoneNumber(address)) : 0;
    const route = this.#native.findRoute(destination, zone, listenPort, port);
    const fields = { sourcePort: listenPort, destinationPort: port, payload };
    // Translators between IPv4 and IPv6 drop packets without a checksum. Over IPv6 the kernel fills it in.
    const checksum =
      route.source.length === ADDRESS_LENGTH[4] && route.source.some((byte) => byte !== 0)
        ? udpChecksum(route.source, destination, encodeUdp(fields))
        : 0;
    const datagram = encodeUdp({ ...fields, checksum });
    const { source, interfaceIndex } = route;
    this.#native.send(datagram, destination, zone, source, interfaceIndex, hopLimit);
    this.#compareRoute(address, destination, zone, route);
  }

  /** This host's address towards an endpoint, by the same route. Throws the system's error. */
  localAddress({ address, port }: Endpoint): string {
    const { listenPort } = this.#options.rule;
    const zone = address.includes('%') ? inSocketNamespace(() => zoneNumber(address)) : 0;
    const route = this.#native.findRoute(addressBytes(address), zone, listenPort, port);
    return formatAddress(route.source);
  }

  /** Nothing is called back once close() has returned. */
  protected override shut(): Promise<void> {
    return new Promise((resolve) => this.#native.close(resolve));
  }

  #compareRoute(address: string, destination: Uint8Array, zone: number, route: NativeRoute): void {
    const { onRouteDifference } = this.#options;
    if (onRouteDifference === undefined || this.#isCompared(address, route)) {
      return;
    }
    this.#remember(address, route);
    let plain: NativeRoute | undefined;
    try {
      plain = this.#native.findRoute(destination, zone, 0, 0);
    } catch {
      // Other packets have no route there.
    }
    const difference = inSocketNamespace(() =>
      routeDifference(address, route, plain, nameOfInterface),
    );
    if (difference !== undefined) {
      onRouteDifference(difference);
    }
  }

  #isCompared(address: string, { source, interfaceIndex }: NativeRoute): boolean {
    const known = this.#compared.get(address);
    return known?.interfaceIndex === interfaceIndex && Buffer.compare(known.source, source) === 0;
  }

  #remember(address: string, route: NativeRoute): void {
    this.#compared.delete(address);
    this.#compared.set(address, route);
    const [oldest] = this.#compared.keys();
    if (oldest !== undefined && this.#compared.size > MAX_SOURCES) {
      this.#compared.delete(oldest);
    }
  }

  #receive(): void {
    for (let i = 0; i < MAX_RECEIVES_PER_WAKE && !this.closing; i++) {
      const received = this.#take();
      if (received === null) {
        return;
      }
      this.#deliver(received);
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

  #deliver(received: RawReceived): void {
    const rule = this.#rule;
    const { onPayload } = this.#options;
    const bytes = this.#buffer.subarray(0, received.length);
    const checked = checkPacket({ ...received, bytes }, rule);
    if (typeof checked === 'string') {
      this.counters[checked]++;
      return;
    }
    this.counters.accepted++;
    const address = formatAddress(received.source);
    const from = { address, port: checked.sourcePort, family: rule.family };
    onPayload(checked.payload.slice(), from, checked.ttl);
  }
}

/**
 * Opens a raw socket that receives only what fits its rule.
 * Throws a PermissionError without CAP_NET_RAW (and, for a mark, CAP_NET_ADMIN); else the system's error.
 */
export function openRawSocket(options: RawSocketOptions): RawSocket {
  const open = options.open ?? ((family) => new (loadBinding().RawSocket)(family));
  const native = PermissionError.explain('the raw socket', 'CAP_NET_RAW', () =>
    inSocketNamespace(() => open(options.rule.family)),
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
