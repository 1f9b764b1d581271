import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type KeyPair, keyPairOf } from '../../../src/sealed/key-pair.js';
import type { Service } from '../../../src/server/service.js';
import { TestClient } from './test-client.js';

const DEADLINE_MS = 20_000;
const RETRY_MS = 300;

/** A client's socket on an address of its own. */
export class Line implements AsyncDisposable {
  readonly received: Uint8Array[] = [];
  /** The ports that they came from. */
  private readonly sources: number[] = [];

  static async open(address: string): Promise<Line> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind({ address, port: 0 });
    await once(socket, 'listening');
    return new Line(socket);
  }

  private constructor(readonly socket: Socket) {
    socket.on('message', (message, { port }) => {
      this.received.push(message);
      this.sources.push(port);
    });
  }

  /** Sends, and again, until there is an answer from there; another server may push meanwhile. */
  async ask(
    service: Service,
    make: () => Uint8Array,
    port = service.addresses[0]!.port,
  ): Promise<Uint8Array> {
    const before = this.received.length;
    const answer = (): number => this.sources.indexOf(port, before);
    const deadline = Date.now() + DEADLINE_MS;
    while (answer() < 0) {
      assert.ok(Date.now() < deadline, 'no answer');
      this.send(service, make(), port);
      // What another server sends is no reason to ask again: an answer fits the last question only.
      const retry = AbortSignal.timeout(RETRY_MS);
      while (answer() < 0 && !retry.aborted) {
        await once(this.socket, 'message', { signal: retry }).catch(() => {});
      }
    }
    return this.received[answer()]!;
  }

  /** @param port another one of the server than its first */
  send(service: Service, payload: Uint8Array, port = service.addresses[0]!.port): void {
    this.socket.send(payload, port, service.addresses[0]!.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }
}

/** A key pair of its own for a service, which wipes it. */
export function copy(key: KeyPair): KeyPair {
  return keyPairOf(key.secretKey);
}

/** A client that is no part of a fake world: its datagrams go over the line. */
export function clientOf(key: KeyPair): TestClient {
  return new TestClient({ key }, '127.0.0.1');
}

/** A handshake, repeated where the machine loses something. */
export async function connect(client: TestClient, line: Line, service: Service): Promise<void> {
  client.takeCookie(await line.ask(service, () => client.makeInitiation()));
  assert.ok(client.accept(await line.ask(service, () => client.makeInitiation())));
}
