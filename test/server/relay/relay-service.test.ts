import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { writeBindMac } from '../../../src/sealed/bind-mac.js';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { openService, type Service } from '../../../src/server/service.js';
import { endpoint } from '../../../src/wire/endpoint.js';
import {
  BIND_LENGTH,
  BIND_OFFSET,
  BINDING,
  readBindingState,
  writeBind,
} from '../../../src/wire/relay.js';
import type { RelayOffer } from '../../../src/wire/sealed-frame-reader.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { until } from '../../native/deadline.js';
import { clientOf, connect, copy, Line } from '../sealed/line.js';
import type { TestClient } from '../sealed/test-client.js';
import { wireguard } from './relay-world.js';

/** Below the ports that the kernel chooses for other tests. */
const FIRST_PORT = 24_960;
const ANY_PORT = endpoint('127.0.0.1', 0);

/** Wants a peer and asks for a relay to it. */
async function ask(service: Service, line: Line, client: TestClient, peer: TestClient) {
  await line.ask(service, () => client.listPart([peer.publicKey]));
  const reply = await line.ask(service, () =>
    client.seal((writer) => writer.begin(FRAME.relay).addKey(peer.publicKey)),
  );
  const frame = client.open(reply);
  return frame?.kind === FRAME.peers ? frame.entries[0]?.relay : undefined;
}

/** Binds a line to the port of an offer; the state that was answered last. */
async function bind(service: Service, line: Line, offer: RelayOffer): Promise<number> {
  let counter = 0;
  const make = (token: Uint8Array) => {
    const bytes = new Uint8Array(BIND_LENGTH);
    writeBind(bytes, 0, offer.id, ++counter);
    bytes.set(token, BIND_OFFSET.token);
    writeBindMac(bytes, 0, offer.key);
    return bytes;
  };
  const challenge = await line.ask(service, () => make(new Uint8Array(8)), offer.port);
  assert.equal(readBindingState(challenge, 0), BINDING.challenged);
  const token = challenge.slice(BIND_OFFSET.token, BIND_OFFSET.mac);
  return readBindingState(await line.ask(service, () => make(token), offer.port), 0);
}

async function openRelay(): Promise<{ service: Service; key: ReturnType<typeof generateKeyPair> }> {
  const key = generateKeyPair();
  const ports = { first: FIRST_PORT, count: 2 };
  const service = await openService({
    listen: [ANY_PORT, endpoint('127.0.0.2', 0)],
    // Enough for the largest datagrams at once: a new pair has no burst.
    sealed: { key: copy(key), relay: { ports, rate: 1_000_000_000 } },
  });
  return { service, key };
}

test('a pair is relayed over sockets, byte for byte, also where a datagram needs fragments', async () => {
  const { service, key } = await openRelay();
  await using _ = service;
  await using a = await Line.open('127.0.0.7');
  await using b = await Line.open('127.0.0.8');
  const [alice, bob] = [clientOf(key), clientOf(key)];
  await connect(alice, a, service);
  await connect(bob, b, service);
  await b.ask(service, () => bob.listPart([alice.publicKey]));
  const offerOfA = await ask(service, a, alice, bob);
  const offerOfB = await ask(service, b, bob, alice);
  assert.ok(offerOfA !== undefined && offerOfB !== undefined);
  assert.equal(offerOfA.port, FIRST_PORT);
  assert.equal(await bind(service, a, offerOfA), BINDING.bound);
  assert.equal(await bind(service, b, offerOfB), BINDING.connected);
  const { port } = offerOfA;
  for (const [i, length] of [32, 1452, 8960, 65_472].entries()) {
    const datagram = wireguard(4, length, i + 1);
    const reply = await a.ask(
      service,
      () => {
        b.socket.once('message', (message) => b.send(service, message, port));
        return datagram;
      },
      port,
    );
    assert.deepEqual(Uint8Array.from(reply), datagram);
  }
  const { relay } = service.counts();
  assert.equal(relay!.pairs, 1);
  assert.equal(relay!.forwarded, 8);
  a.send(service, wireguard(4, 31), port);
  await until('the foreign datagram', () => service.counts().relay!.foreign === 1);
});

test('a relay port that is in use is named, and nothing stays open', async () => {
  const socket = createSocket('udp4');
  socket.bind({ address: '127.0.0.1', port: FIRST_PORT + 1 });
  await once(socket, 'listening');
  await assert.rejects(openRelay(), {
    code: 'EADDRINUSE',
    address: '127.0.0.1',
    port: FIRST_PORT + 1,
  });
  socket.close();
  await once(socket, 'close');
  const { service } = await openRelay();
  await service.close();
});
