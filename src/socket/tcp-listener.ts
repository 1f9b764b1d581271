import { once } from 'node:events';
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net';
import { addressBytes, type Endpoint, zoneOf } from '../wire/endpoint.js';
import { loadBinding } from './binding.js';
import { zoneNumber } from './zone.js';

export interface TcpListenerOptions {
  /** Where to listen; `::` does not mean IPv4 as well. Port 0 for any. */
  readonly endpoint: Endpoint;
  /** Take only connections that arrive through this interface (SO_BINDTODEVICE); needs the addon. */
  readonly interfaceName?: string | undefined;
  /** Called with each connection, whose number the caller bounds; when the other side ends, this side is still open. */
  onConnection(socket: Socket): void;
  /** A connection could not be taken, such as for lack of descriptors; it keeps listening. */
  readonly onError?: (error: Error) => void;
}

/** A TCP server; the connections are the caller's to end. */
export interface TcpListener {
  readonly address: Endpoint;
  /** Takes no more connections. */
  close(): void;
}

/** Listens for TCP connections. Rejects with the system's error when the address cannot be bound. */
export async function openTcpListener(options: TcpListenerOptions): Promise<TcpListener> {
  const { endpoint } = options;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, options.onConnection);
  listen(server, options);
  // once() rejects on 'error', which it emits if it cannot bind.
  await once(server, 'listening');
  server.on('error', options.onError ?? (() => {}));
  return {
    address: { ...endpoint, port: (server.address() as AddressInfo).port },
    close: () => server.close(),
  };
}

function listen(server: Server, options: TcpListenerOptions): void {
  const { address, port, family } = options.endpoint;
  // node:net takes a zone with an underscore for a part of a host name. A listener at a link-local
  // address hears one interface only: to be tied to it changes nothing.
  const { interfaceName = isIP(address) === 0 ? zoneOf(address) : undefined } = options;
  if (interfaceName === undefined) {
    server.listen({ host: address, port, ipv6Only: family === 6 });
    return;
  }
  const fd = loadBinding().listenTcp({
    family,
    address: addressBytes(address),
    scopeId: zoneNumber(address),
    port,
    interfaceName,
  });
  server.listen({ fd });
}
