import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { openService, type Service } from '../../src/server/service.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { until } from '../native/deadline.js';
import { LoopbackPeer } from './loopback-peer.js';

const ANY_PORT = endpoint('127.0.0.1', 0);

function first(service: Service) {
  return service.addresses[0]!;
}

for (const [family, server, alice, bob] of [
  ['IPv4', '127.0.0.1', '127.0.0.7', '127.0.0.8'],
  ['IPv6', '::1', '::1', '::1'],
] as const) {
  test(`two peers find each other over ${family}`, async () => {
    await using service = await openService({ listen: [endpoint(server, 0)] });
    await using a = await LoopbackPeer.open(alice);
    await using b = await LoopbackPeer.open(bob);
    assert.equal(await a.ask(first(service), 1, 2), 'unknown');
    assert.deepEqual(await b.ask(first(service), 2, 1), a.endpoint);
    assert.deepEqual(await a.ask(first(service), 1, 2), b.endpoint);
  });
}

test('all sockets share one table; an address of each family, and ports as asked', async () => {
  await using service = await openService({ listen: [ANY_PORT, endpoint('::1', 0), ANY_PORT] });
  assert.deepEqual(
    service.addresses.map(({ address }) => address),
    ['127.0.0.1', '::1', '127.0.0.1'],
  );
  await using a = await LoopbackPeer.open('127.0.0.7');
  await using b = await LoopbackPeer.open('127.0.0.8');
  await a.ask(service.addresses[0]!, 1, 2);
  assert.deepEqual(await b.ask(service.addresses[2]!, 2, 1), a.endpoint);
});

test('datagrams of every length and random bytes are counted, and nothing is harmed', async () => {
  await using service = await openService({ listen: [ANY_PORT], sourceRate: 0 });
  await using peer = await LoopbackPeer.open('127.0.0.7');
  for (let length = 0; length <= 2000; length++) {
    await peer.send(first(service), randomBytes(length));
    if (length % 50 === 0) {
      await until('the datagrams', () => service.counts().sockets.received === length + 1);
    }
  }
  await until('the reply', () => peer.replies === 1);
  const { admission, classic, sockets } = service.counts();
  assert.equal(admission.malformed, 2000);
  assert.equal(classic.requests, 1);
  assert.equal(sockets.sent, 1);
  assert.deepEqual(await peer.ask(first(service), 1, 1), peer.endpoint);
});

test('entries go by themselves when their time is over', async () => {
  await using service = await openService({ listen: [ANY_PORT], peerTtlMs: 50 });
  await using peer = await LoopbackPeer.open('127.0.0.7');
  await peer.ask(first(service), 1, 1);
  await until('the entry to go', () => service.counts().table.peers === 0);
  assert.equal(service.counts().table.expired, 1);
});

test('an optional address that the host lacks is left out; any other is an error', async () => {
  const absent = endpoint('2001:db8::1', 0);
  await using service = await openService({ listen: [{ ...absent, optional: true }, ANY_PORT] });
  assert.deepEqual(
    service.addresses.map(({ address }) => address),
    ['127.0.0.1'],
  );
  await assert.rejects(openService({ listen: [absent] }), { code: 'EADDRNOTAVAIL' });
});

test('when one address cannot be bound, none stays open', async () => {
  await using taken = await openService({ listen: [ANY_PORT] });
  const free = await openService({ listen: [ANY_PORT] });
  const wanted = first(free);
  await free.close();
  const attempt = openService({ listen: [wanted, first(taken)], metrics: ANY_PORT });
  await assert.rejects(attempt, { code: 'EADDRINUSE' });
  await using again = await openService({ listen: [wanted] });
  assert.deepEqual(again.addresses, [wanted]);
});

test('unusable limits are refused by name', async () => {
  for (const [limits, name] of [
    [{ maxPeers: 0 }, 'maxPeers'],
    [{ maxPeers: 10_000_001 }, 'maxPeers'],
    [{ peerTtlMs: 0.5 }, 'peerTtlMs'],
    [{ sourceRate: -1 }, 'sourceRate'],
    [{ sourceBurst: 0 }, 'sourceBurst'],
    [{ sourceShare: 1 }, 'sourceShare'],
    [{ sourceShare: Number.NaN }, 'sourceShare'],
    [{ receiveBufferBytes: 1 }, 'receiveBufferBytes'],
  ] as const) {
    const attempt = openService({ listen: [ANY_PORT], ...limits });
    await assert.rejects(attempt, (error: Error) => {
      return error instanceof RangeError && error.message.includes(`\`${name}\``);
    });
  }
});

test('close answers requests that have arrived, and can be called again', async () => {
  const service = await openService({ listen: [ANY_PORT], sourceRate: 0 });
  await using peer = await LoopbackPeer.open('127.0.0.7');
  const payload = new Uint8Array(64).fill(9);
  for (let i = 0; i < 200; i++) {
    await peer.send(first(service), payload);
  }
  await Promise.all([service.close(), service.close()]);
  assert.equal(service.counts().classic.requests, 200);
  await until('the replies', () => peer.replies === 200);
});
