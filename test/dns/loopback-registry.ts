import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type DnsTransport, Responder } from '../../src/dns/responder.js';
import { Roster } from '../../src/dns/roster.js';
import type { Signer } from '../../src/dns/signer.js';
import { Zone } from '../../src/dns/zone.js';
import { decodeFrame, encodeFrame } from '../../src/wire/dns-frame.js';
import { MAX_DNS_MESSAGE } from '../../src/wire/dns-reply.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { parsePublicKey } from '../../src/wire/key.js';
import { listenAtOnePort } from '../one-port.js';

const ADDRESS = '127.0.0.1';

/** A registry's answers on a port of the loopback, over UDP and TCP, for peers that are made up. */
export class LoopbackRegistry implements AsyncDisposable {
  private readonly udp = createSocket('udp4');
  private readonly tcp = createServer((connection) => this.accept(connection));
  private readonly connections = new Set<Socket>();

  private constructor(private readonly responder: Responder) {}

  /** @param peers endpoints by public key in base64 */
  static async start(
    zones: readonly string[],
    peers: Readonly<Record<string, string>>,
    signer?: Signer,
  ): Promise<LoopbackRegistry> {
    const roster = new Roster();
    roster.update({
      publicKey: undefined,
      listenPort: 0,
      fwmark: 0,
      peers: Object.entries(peers).map(([key, endpoint], index) => ({
        publicKey: parsePublicKey(key),
        endpoint: parseEndpoint(endpoint),
        allowedIps: [`10.0.0.${index}/32`],
        latestHandshakeMs: 0,
        receivedBytes: 0,
        sentBytes: 0,
        persistentKeepalive: 0,
      })),
    });
    const all = zones.map((name, i) => new Zone({ name }, roster, i, zones));
    const registry = new LoopbackRegistry(new Responder(all, roster, signer));
    await registry.listen();
    return registry;
  }

  get port(): number {
    return (this.tcp.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.connections) {
      connection.destroy();
    }
    this.udp.close();
    this.tcp.close();
    await once(this.tcp, 'close');
  }

  private async listen(): Promise<void> {
    this.udp.on('message', (query, { address, port }) => {
      this.udp.send(this.answer(query, 'udp'), port, address);
    });
    await listenAtOnePort(this.tcp, this.udp, ADDRESS);
  }

  private accept(connection: Socket): void {
    this.connections.add(connection.on('error', () => {}));
    let received: Uint8Array = new Uint8Array();
    connection.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      for (let frame = decodeFrame(received); frame; frame = decodeFrame(received)) {
        connection.write(encodeFrame(this.answer(frame.message, 'tcp')));
        received = frame.rest;
      }
    });
  }

  private answer(query: Uint8Array, transport: DnsTransport): Uint8Array {
    const buffer = Buffer.alloc(MAX_DNS_MESSAGE);
    buffer.set(query);
    const length = this.responder.respond(buffer, query.length, transport, () => ADDRESS);
    return buffer.subarray(0, Math.max(length, 0));
  }
}
