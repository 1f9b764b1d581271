import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { openService } from '../../../src/server/service.js';
import { endpoint, formatEndpoint } from '../../../src/wire/endpoint.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { until } from '../../native/deadline.js';
import { LoopbackPeer } from '../loopback-peer.js';
import { clientOf, connect, copy, Line } from './line.js';

const ANY_PORT = endpoint('127.0.0.1', 0);
test('two find each other over sockets, pushed and asked for, while the classic protocol goes on', async () => {
  const key = generateKeyPair();
  await using service = await openService({ listen: [ANY_PORT], sealed: { key: copy(key) } });
  await using a = await Line.open('127.0.0.7');
  await using b = await Line.open('127.0.0.8');
  const [alice, bob] = [clientOf(key), clientOf(key)];
  await connect(alice, a, service);
  await connect(bob, b, service);
  await a.ask(service, () => alice.listPart([bob.publicKey]));
  const before = a.received.length;
  const frame = bob.open(await b.ask(service, () => bob.listPart([alice.publicKey])));
  assert.ok(frame?.kind === FRAME.peers);
  assert.equal(formatEndpoint(frame.entries[0]!.ipv4!), `127.0.0.7:${a.socket.address().port}`);
  await until('the push', () => a.received.length > before);
  const push = alice.open(a.received[before]!);
  assert.ok(push?.kind === FRAME.peers && push.push);
  assert.equal(formatEndpoint(push.entries[0]!.ipv4!), `127.0.0.8:${b.socket.address().port}`);
  await using classic = await LoopbackPeer.open('127.0.0.9');
  assert.deepEqual(await classic.ask(service.addresses[0]!, 1, 1), classic.endpoint);
  assert.equal(service.counts().sealed?.clients, 2);
});

test('a flood of good initiations from many sources: a known client is answered all the while', async () => {
  const key = generateKeyPair();
  await using service = await openService({
    listen: [ANY_PORT],
    sealed: { key: copy(key) },
    sourceRate: 0,
    handshakeRate: 0,
  });
  await using known = await Line.open('127.0.0.7');
  const client = clientOf(key);
  await connect(client, known, service);
  const flood: { line: Line; payloads: Uint8Array[] }[] = [];
  for (let i = 0; i < 8; i++) {
    const line = await Line.open(`127.0.0.${20 + i}`);
    const flooder = clientOf(key);
    flooder.takeCookie(await line.ask(service, () => flooder.makeInitiation()));
    const payloads = Array.from({ length: 300 }, () => flooder.makeInitiation());
    flood.push({ line, payloads });
  }
  try {
    let answered = 0;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 800; i++) {
        const { line, payloads } = flood[i % flood.length]!;
        line.send(service, payloads.pop()!);
      }
      const reply = await known.ask(service, () => client.plain(FRAME.ping));
      answered += client.open(reply) === undefined ? 0 : 1;
    }
    assert.ok(answered > 0);
    const { sealed } = service.counts();
    assert.ok(sealed!.initiations > 1000);
    assert.ok(sealed!.handshakesDeferred > 0, 'there was more to do than time for it');
  } finally {
    await Promise.all(flood.map(({ line }) => line[Symbol.asyncDispose]()));
  }
});

test('the key is overwritten when the service closes', async () => {
  const key = generateKeyPair();
  const service = await openService({ listen: [ANY_PORT], sealed: { key } });
  await service.close();
  assert.ok(key.secretKey.every((byte) => byte === 0));
});

test('unusable limits of the sealed protocol are refused by name', async () => {
  for (const [limits, name] of [
    [{ maxWanted: 0 }, 'maxWanted'],
    [{ maxWanted: 65_536 }, 'maxWanted'],
    [{ handshakeRate: -1 }, 'handshakeRate'],
    [{ clientRate: 0.5 }, 'clientRate'],
  ] as const) {
    await assert.rejects(openService({ listen: [ANY_PORT], ...limits }), (error: Error) =>
      error.message.includes(`\`${name}\``),
    );
  }
});

test('the session indices of a service are unpredictable: no step leads from one to the next', async () => {
  const indices: number[] = [];
  for (let run = 0; run < 2; run++) {
    const key = generateKeyPair();
    await using service = await openService({ listen: [ANY_PORT], sealed: { key: copy(key) } });
    for (let i = 0; i < 3; i++) {
      await using line = await Line.open('127.0.0.7');
      const client = clientOf(key);
      await connect(client, line, service);
      indices.push(client.remoteIndex);
    }
  }
  const steps = indices.slice(1).map((index, i) => (index - indices[i]!) | 0);
  assert.equal(new Set(indices).size, indices.length);
  assert.equal(new Set(steps).size, steps.length);
  assert.ok(
    steps.every((step) => Math.abs(step) > 1000),
    `${steps}`,
  );
});
