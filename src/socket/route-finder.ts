import { REJECT_ALL } from '../wire/bpf.js';
import { addressBytes, type Endpoint, type Family, formatAddress } from '../wire/endpoint.js';
import { loadBinding, type NativeRawSocket } from './binding.js';
import { nameOfInterface } from './interface-flags.js';
import { inSocketNamespace } from './network-namespace.js';
import { PermissionError } from './permission-error.js';

/** Where packets leave. */
export interface FoundRoute {
  /** undefined if the kernel names none. */
  readonly interface: string | undefined;
  readonly source: string | undefined;
}

/**
 * Asks the kernel how UDP packets leave, by the rules that choose by port and mark, too. Sends nothing.
 * Throws a PermissionError without CAP_NET_RAW (and, for a mark, CAP_NET_ADMIN).
 */
export class RouteFinder {
  readonly #native: NativeRawSocket;

  constructor(family: Family, mark: number) {
    this.#native = PermissionError.explain('looking up routes', 'CAP_NET_RAW', () =>
      inSocketNamespace(() => new (loadBinding().RawSocket)(family)),
    );
    // Nothing is to be received.
    this.#native.attachFilter(REJECT_ALL);
    if (mark !== 0) {
      PermissionError.explain('looking up marked routes', 'CAP_NET_ADMIN', () =>
        this.#native.setMark(mark),
      );
    }
  }

  /** The route of packets from a port to an endpoint. Throws ENETUNREACH if there is none. */
  find(sourcePort: number, { address, port }: Endpoint): FoundRoute {
    const { source, interfaceIndex } = this.#native.findRoute(
      addressBytes(address),
      0,
      sourcePort,
      port,
    );
    return {
      interface: inSocketNamespace(() => nameOfInterface(interfaceIndex)),
      source: source.some((byte) => byte !== 0) ? formatAddress(source) : undefined,
    };
  }

  close(): void {
    this.#native.close();
  }
}
