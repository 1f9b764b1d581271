import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { type DecodedPacket, decode } from 'dns-packet';
import type { RegistryService } from '../../src/dns/service.js';
import { until } from '../../src/lab/index.js';
import { decodeFrame, encodeFrame } from '../../src/wire/dns-frame.js';
import { endpoint } from '../../src/wire/endpoint.js';
import type { Device } from '../../src/wireguard/device.js';
import {
  device,
  EXAMPLE,
  FIRST,
  FIRST_NAME,
  openLocalRegistry as open,
  peer,
  query,
  rcodeOf,
  SERVICE,
} from './asking.js';

/** A TCP client that gathers replies. */
class Client implements Disposable {
  readonly replies: DecodedPacket[] = [];
  closed = false;
  readonly socket: Socket;
  private received: Uint8Array = new Uint8Array();

  constructor(service: RegistryService) {
    const { address, port } = service.addresses[0] as { address: string; port: number };
    this.socket = connect(port, address);
    this.socket.on('data', (bytes) => this.gather(bytes));
    this.socket.on('close', () => {
      this.closed = true;
    });
    this.socket.on('error', () => {});
  }

  private gather(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    for (let it = decodeFrame(this.received); it; it = decodeFrame(this.received)) {
      this.replies.push(decode(Buffer.from(it.message)));
      this.received = it.rest;
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

function numbered(id: number, name = FIRST_NAME): Uint8Array {
  const message = query(name, 'A');
  message.writeUInt16BE(id, 0);
  return encodeFrame(message);
}

describe('over TCP', () => {
  it('answers several queries of a connection, in order, however they are cut into segments', async () => {
    await using service = await open();
    using client = new Client(service);
    const stream = Buffer.concat([
      numbered(1),
      numbered(2),
      numbered(3, 'example.org'),
      numbered(4),
    ]);
    for (const byte of stream) {
      client.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('the replies', () => client.replies.length === 4);
    client.socket.write(Buffer.concat(Array.from({ length: 500 }, (_, i) => numbered(i + 5))));
    await until('all replies', () => client.replies.length === 504);
    assert.deepEqual(
      client.replies.map(({ id }) => id),
      Array.from({ length: 504 }, (_, i) => i + 1),
    );
    assert.equal(rcodeOf(client.replies[2] as DecodedPacket), 'REFUSED');
  });

  it('answers queries from before a half-close, also when the device is read first', async () => {
    await using service = await open({ maxAgeMs: 0 });
    using client = new Client(service);
    client.socket.end(Buffer.concat([numbered(1), numbered(2)]));
    await until('the end', () => client.closed);
    assert.equal(client.replies.length, 2);
  });

  it('ends a connection on malformed bytes, or a query that is too long', async () => {
    await using service = await open();
    for (const bytes of [
      encodeFrame(Buffer.alloc(0)),
      encodeFrame(Buffer.alloc(11)),
      encodeFrame(Buffer.alloc(12, 0xff)),
      Buffer.of(0x10, 0x01),
      Buffer.of(0xff, 0xff),
    ]) {
      using client = new Client(service);
      client.socket.write(bytes);
      await until(`the end after ${bytes.toString('hex')}`, () => client.closed);
      assert.deepEqual(client.replies, []);
    }
    using client = new Client(service);
    client.socket.write(numbered(7));
    await until('an answer', () => client.replies.length === 1);
  });

  it('reads no more queries from a client that does not read the answers', async () => {
    await using service = await open({ sourceRate: 0 });
    using client = new Client(service);
    client.socket.pause();
    const message = encodeFrame(query(SERVICE, 'PTR'));
    const flood = Buffer.concat(new Array(1000).fill(message));
    for (let i = 0; i < 100; i++) {
      client.socket.write(flood);
    }
    let answered = -1;
    const settled = () => {
      const before = answered;
      answered = service.counts().answers.answered;
      return answered > 0 && answered === before;
    };
    await until('it to stop', settled, { intervalMs: 100 });
    assert.ok(answered < 90_000, `${answered} answers`);
  });

  it('closes the longest idle connection of a source that opens its 33rd', async () => {
    await using service = await open();
    const clients: Client[] = [];
    const use = async (client: Client) => {
      const before = client.replies.length;
      client.socket.write(numbered(1));
      await until('an answer', () => client.replies.length > before);
    };
    for (let i = 0; i < 32; i++) {
      const client = new Client(service);
      clients.push(client);
      await use(client);
    }
    await use(clients[0] as Client);
    using newcomer = new Client(service);
    await use(newcomer);
    await until('one to be closed', () => clients.some(({ closed }) => closed));
    assert.deepEqual(
      clients.flatMap(({ closed }, i) => (closed ? [i] : [])),
      [1],
    );
    const { accepted, displaced, open: now } = service.counts().tcp;
    assert.deepEqual([accepted, displaced, now], [33, 1, 32]);
    for (const client of clients) {
      client[Symbol.dispose]();
    }
  });

  it('a source over its rate is cut off', async () => {
    await using service = await open({ sourceRate: 1, sourceBurst: 3 });
    using client = new Client(service);
    client.socket.write(Buffer.concat(Array.from({ length: 5 }, (_, i) => numbered(i))));
    await until('the end', () => client.closed);
    assert.equal(client.replies.length, 3);
    assert.equal(service.counts().answers.limited, 1);
  });
});

describe('over UDP', () => {
  it('queries that wait for the first reading after a pause are all answered', async () => {
    let readings = 0;
    const read = async () => {
      readings++;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return EXAMPLE;
    };
    await using service = await open({ maxAgeMs: 0 }, read);
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const ids = new Set<number>();
    socket.on('message', (message) => {
      assert.equal(decode(message).answers?.length, 1);
      ids.add(message.readUInt16BE(0));
    });
    const { port } = service.addresses[0] as { port: number };
    // More than are held: those beyond are answered from the reading before.
    for (let id = 0; id < 200; id++) {
      socket.send(numbered(id).subarray(2), port, '127.0.0.1');
    }
    await until('all answers', () => ids.size === 200);
    assert.ok(readings < 20, `${readings} readings`);
    socket.close();
  });

  it('the same query gets a new answer when the peer moves, when it goes, and when the interface cannot be read', async () => {
    const states: (Device | Error)[] = [
      EXAMPLE,
      EXAMPLE,
      device([peer(FIRST.key, '9.9.9.9:9')]),
      device([peer(FIRST.key, '9.9.9.9:9')]),
      device([]),
      EXAMPLE,
      new Error('gone'),
      EXAMPLE,
    ];
    let turn = 0;
    const read = async () => {
      const state = states[turn] as Device | Error;
      if (state instanceof Error) {
        throw state;
      }
      return state;
    };
    await using service = await open({ maxAgeMs: 0 }, read);
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = service.addresses[0] as { port: number };
    const said: string[] = [];
    for (; turn < states.length; turn++) {
      socket.send(numbered(turn).subarray(2), port, '127.0.0.1');
      const [message] = (await once(socket, 'message')) as [Buffer];
      const reply = decode(message);
      assert.equal(reply.id, turn);
      const [answer] = reply.answers as { data: string }[];
      said.push(answer?.data ?? rcodeOf(reply));
    }
    const expected = [
      '2.2.2.2',
      '2.2.2.2',
      '9.9.9.9',
      '9.9.9.9',
      'NXDOMAIN',
      '2.2.2.2',
      'SERVFAIL',
    ];
    assert.deepEqual(said, [...expected, '2.2.2.2']);
    socket.close();
  });

  it('a source over its rate gets no answer', async () => {
    await using service = await open({ sourceRate: 1, sourceBurst: 3 });
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    let replies = 0;
    socket.on('message', () => replies++);
    const { port } = service.addresses[0] as { port: number };
    for (let id = 0; id < 10; id++) {
      socket.send(numbered(id).subarray(2), port, '127.0.0.1');
    }
    await until('the rest to be dropped', () => service.counts().answers.limited === 7);
    await until('the answers', () => replies === 3);
    socket.close();
  });

  it('listens for both at each address, on one port where the kernel chooses', async () => {
    const listen = [endpoint('127.0.0.1', 0), endpoint('::1', 0)];
    await using service = await open({ listen });
    assert.equal(service.addresses.length, 2);
    assert.ok(service.addresses.every(({ port }) => port > 0));
  });

  it('an address in use is an error that names it, and leaves nothing open', async () => {
    await using service = await open();
    const [taken] = service.addresses;
    const listen = [endpoint('127.0.0.1', 0), taken as ReturnType<typeof endpoint>];
    await assert.rejects(open({ listen }), { code: 'EADDRINUSE', port: taken?.port });
  });
});
