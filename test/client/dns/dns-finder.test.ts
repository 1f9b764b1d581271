import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { syncBuiltinESMExports } from 'node:module';
import { createServer, type Socket } from 'node:net';
import os from 'node:os';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { dnsFinder } from '../../../src/client/dns/dns-finder.js';
import type { Finder } from '../../../src/client/finder.js';
import { PeerBook } from '../../../src/client/peer-book.js';
import { Problems } from '../../../src/client/problems.js';
import { encodeFrame } from '../../../src/wire/dns-frame.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { formatPublicKey } from '../../../src/wire/key.js';
import type { Device } from '../../../src/wireguard/device.js';
import { listenAtOnePort } from '../../one-port.js';
import { P, peer, Q, WALL, X } from '../bench.js';
import { address, located, questionOf, replyTo, srv, ZONE } from './replies.js';

const LOOPBACK = '127.0.0.1';
const PATIENCE_MS = 5000;
const REGISTRY = peer({ publicKey: Q, endpoint: X, allowedIps: ['127.0.0.0/8'] });
const DEVICE: Device = { publicKey: Q, listenPort: 1, fwmark: 0, peers: [peer(), REGISTRY] };

/** A server on one UDP and TCP port that answers as instructed; undefined for no answer. */
async function startServer(
  overUdp: (query: Uint8Array, from: RemoteInfo) => Uint8Array | undefined,
  overTcp: (query: Uint8Array) => Uint8Array = () => assert.fail('asked over TCP'),
) {
  const tcp = createServer((socket: Socket) => {
    socket.once('data', (bytes) => {
      socket.end(encodeFrame(overTcp(bytes.subarray(2))));
    });
  });
  const udp = createSocket('udp4');
  const port = await listenAtOnePort(tcp, udp, LOOPBACK);
  udp.on('message', (query, from) => {
    const answer = overUdp(query, from);
    if (answer !== undefined) {
      udp.send(answer, from.port, from.address);
    }
  });
  return {
    port,
    [Symbol.dispose]() {
      udp.close();
      tcp.close();
    },
  };
}

/** A finder beside a book, with all that it said. */
function startFinder(port: number) {
  const book = new PeerBook({ keepalive: 25, skip: (device) => finder.skips?.(device) });
  const said: string[] = [];
  const problems = new Problems((topic, text) => said.push(text ?? `${topic} solved`));
  const context = {
    peers: book.peers,
    problems,
    wake: () => {},
    run: 0,
    moved: () => {},
    nat: () => new Uint8Array(8),
    mapped: () => undefined,
  };
  const finder: Finder = dnsFinder({
    server: { host: LOOPBACK, port },
    zone: ZONE,
    interfaceName: 'wg-none',
  })(context);
  book.read(DEVICE, 0, WALL);
  return {
    finder,
    book,
    said,
    get answer(): string | undefined {
      const answer = book.peers.get(formatPublicKey(P))?.answer;
      return Array.isArray(answer) ? answer.map(formatEndpoint).join() : (answer as string);
    },
    /** Has it work, by a clock that is so much ahead, until something is so. */
    async until(isSo: () => boolean, aheadMs = 0): Promise<void> {
      const end = performance.now() + PATIENCE_MS;
      while (!isSo()) {
        assert.ok(performance.now() < end, `in vain; said ${said.join(' | ')}`);
        finder.work(DEVICE, performance.now() + aheadMs);
        await pause(5);
      }
    },
    async [Symbol.asyncDispose]() {
      await finder.close();
    },
  };
}

test('an answer too long for a datagram comes over TCP', async () => {
  using server = await startServer(
    (query) => replyTo(query, { truncated: true }),
    (query) => located(query, '192.0.2.7'),
  );
  await using client = startFinder(server.port);
  await client.until(() => client.answer !== undefined);
  assert.equal(client.answer, '192.0.2.7:51820');
  assert.deepEqual(client.said, []);
  assert.deepEqual([...client.book.peers.keys()], [formatPublicKey(P)], 'the registry is skipped');
});

test('a closed port is reported once, and its end', async () => {
  const { port } = await startServer(() => undefined).then((server) => {
    server[Symbol.dispose]();
    return server;
  });
  await using client = startFinder(port);
  await client.until(() => client.said.length > 0);
  const udp = createSocket('udp4').bind(port, LOOPBACK);
  udp.on('message', (query, from) => udp.send(located(query, '192.0.2.7'), from.port));
  await client.until(() => client.said.length > 1);
  udp.close();
  const refused = `nothing listens at 127.0.0.1:${port} (ECONNREFUSED): is the DNS server running? still asking`;
  assert.deepEqual(client.said, [refused, 'server solved']);
  assert.equal(client.answer, '192.0.2.7:51820');
});

for (const [own, first] of [
  [['10.0.0.1'], '192.0.2.7:51820'],
  [['10.0.0.1', 'fd00::1'], '[2001:db8::7]:51820'],
] as const) {
  test(`a host with ${own.join(' and ')} tries ${first} first`, async (t) => {
    t.mock.method(os, 'networkInterfaces', () => ({
      eth0: own.map((one) => ({ address: one, internal: false })),
    }));
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    using server = await startServer((query) => {
      const { name } = questionOf(query);
      const additionals = [address(name, '2001:db8::7'), address(name, '192.0.2.7')];
      return replyTo(query, { answers: [srv(name, 51820)], additionals });
    });
    await using client = startFinder(server.port);
    await client.until(() => client.answer !== undefined);
    assert.equal(client.answer?.split(',')[0], first);
    assert.equal(client.answer?.split(',').length, 2);
  });
}

test('a repeated refusal is reported once', async () => {
  let asked = 0;
  using server = await startServer((query) => {
    asked++;
    return replyTo(query, { rcode: 'REFUSED' });
  });
  await using client = startFinder(server.port);
  await client.until(() => asked >= 3);
  const said = `127.0.0.1:${server.port} answers REFUSED for the zone ${ZONE}: does it serve that zone, and to this host?`;
  assert.deepEqual(client.said, [said]);
});

test('without an answer the next attempt comes from another port', async () => {
  const ports = new Set<number>();
  using server = await startServer((_, from) => {
    ports.add(from.port);
    return undefined;
  });
  await using client = startFinder(server.port);
  await client.until(() => ports.size === 1);
  const start = performance.now();
  for (const ms of [500, 1500, 3500]) {
    client.finder.work(DEVICE, start + ms);
  }
  assert.match(client.said.join(), /^no answer from 127\.0\.0\.1:\d+: is the DNS server running/);
  await client.until(() => ports.size === 2, 4000);
});

test('without an interface nothing is sent, and nothing is open', async () => {
  let asked = 0;
  using server = await startServer((query) => {
    asked++;
    return located(query, '192.0.2.7');
  });
  await using client = startFinder(server.port);
  client.finder.work(undefined, 0);
  assert.equal(client.finder.nextWorkAt(0), Number.POSITIVE_INFINITY);
  assert.equal(asked, 0);
  await client.until(() => asked === 1);
  client.finder.work(undefined, performance.now());
  assert.equal(client.finder.nextWorkAt(0), Number.POSITIVE_INFINITY);
});
