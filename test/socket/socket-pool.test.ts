import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawSocket, RawSocketOptions } from '../../src/socket/raw-socket.js';
import { SocketPool } from '../../src/socket/socket-pool.js';
import { sourcesOf } from '../../src/wire/bpf.js';
import {
  addressBytes,
  type Endpoint,
  formatEndpoint,
  parseEndpoint,
} from '../../src/wire/endpoint.js';

const [RV1, RV2, RV3] = ['192.0.2.1:49918', '192.0.2.2:50000', '192.0.2.3:49918'].map((text) =>
  parseEndpoint(text),
) as [Endpoint, Endpoint, Endpoint];
const PAYLOAD = Uint8Array.of(1);

/** A raw socket that records its sources, and whose packets the test injects. */
class FakeSocket {
  heard: number[];
  isClosed = false;
  readonly sent: string[] = [];

  constructor(readonly options: RawSocketOptions) {
    this.heard = (sourcesOf(options.rule) ?? []).map(
      ({ port, address }) => port + (address[3] ?? 0),
    );
  }
  useSources(sources: readonly { port: number; address: Uint8Array }[]): void {
    this.heard = sources.map(({ port, address }) => port + (address[3] ?? 0));
  }
  send(_: Uint8Array, to: Endpoint): void {
    this.sent.push(formatEndpoint(to));
  }
  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function setUp() {
  const opened: FakeSocket[] = [];
  const pool = new SocketPool((options) => {
    const socket = new FakeSocket(options);
    opened.push(socket);
    return socket as unknown as RawSocket;
  });
  const got: string[] = [];
  const open = (server: Endpoint, listenPort = 51820) =>
    pool.open({
      rule: {
        family: server.family,
        source: { address: addressBytes(server.address), port: server.port },
        listenPort,
        payloadLengths: [6],
      },
      mark: 0,
      onPayload: (_, from, ttl) =>
        got.push(`${formatEndpoint(server)} got ${formatEndpoint(from)}, TTL ${ttl}`),
      onError: ({ message }) => got.push(`${formatEndpoint(server)} ${message}`),
    });
  return { opened, open, got };
}

const place = ({ port, address }: Endpoint) => port + Number(address.split('.')[3]);

test('servers share one socket, whose filter accepts all of them and nothing else', async () => {
  const { opened, open, got } = setUp();
  const first = open(RV1);
  const second = open(RV2);
  const [socket, ...more] = opened as [FakeSocket];
  assert.equal(more.length, 0);
  assert.deepEqual(socket.heard, [place(RV1), place(RV2)]);
  socket.options.onPayload(PAYLOAD, RV2, 60);
  socket.options.onPayload(PAYLOAD, RV1, 61);
  socket.options.onPayload(PAYLOAD, { ...RV1, port: RV2.port }, 62);
  assert.deepEqual(got.splice(0), [
    `${formatEndpoint(RV2)} got ${formatEndpoint(RV2)}, TTL 60`,
    `${formatEndpoint(RV1)} got ${formatEndpoint(RV1)}, TTL 61`,
  ]);
  socket.options.onError(new Error('down'));
  assert.equal(got.splice(0).length, 2);
  second.send(PAYLOAD, RV2);
  assert.deepEqual(socket.sent, [formatEndpoint(RV2)]);
  await first.close();
  await first.close();
  assert.deepEqual(socket.heard, [place(RV2)]);
  socket.options.onPayload(PAYLOAD, RV1, 61);
  assert.deepEqual(got, []);
  assert.ok(!socket.isClosed);
  await second.close();
  assert.ok(socket.isClosed);
  open(RV3);
  assert.equal(opened.length, 2, 'the closed one is not used again');
});

test('another port of this host is another socket', () => {
  const { opened, open } = setUp();
  open(RV1);
  open(RV2, 51821);
  assert.equal(opened.length, 2);
});

test('a socket that cannot be opened leaves nothing behind', async () => {
  let isFailing = true;
  const { opened } = setUp();
  const pool = new SocketPool((options) => {
    if (isFailing) {
      throw new Error('no permission');
    }
    const socket = new FakeSocket(options);
    opened.push(socket);
    return socket as unknown as RawSocket;
  });
  const options: RawSocketOptions = {
    rule: {
      family: 4,
      source: { address: addressBytes(RV1.address), port: RV1.port },
      listenPort: 51820,
      payloadLengths: [6],
    },
    mark: 0,
    onPayload: () => {},
    onError: () => {},
  };
  assert.throws(() => pool.open(options), /no permission/);
  isFailing = false;
  await pool.open(options).close();
  assert.deepEqual(
    opened.map(({ isClosed }) => isClosed),
    [true],
  );
});
