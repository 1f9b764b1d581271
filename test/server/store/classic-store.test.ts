import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameEndpoint } from '../../../src/wire/endpoint.js';
import { until } from '../../native/deadline.js';
import { LoopbackPeer } from '../loopback-peer.js';
import { key } from '../requests.js';
import { RedisServer } from './redis-server.js';
import { SharingServers } from './sharing-servers.js';

async function pair(redis: RedisServer, peerTtlMs = 180_000) {
  const servers = await SharingServers.open([redis.address, redis.address], { peerTtlMs });
  await servers.up();
  const [first, second] = servers.services.map((it) => it.addresses[0]!);
  return { servers, first: first!, second: second! };
}

/** Asks every 50 ms until the answer is the peer's endpoint. */
async function finds(
  asker: LoopbackPeer,
  server: Parameters<LoopbackPeer['ask']>[0],
  mine: number,
  theirs: number,
  expected: LoopbackPeer | undefined,
): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await asker.ask(server, mine, theirs);
    const found = answer === undefined || answer === 'unknown' ? undefined : answer;
    if (sameEndpoint(found, expected?.endpoint)) {
      return;
    }
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function entry(number: number): string {
  return `wgr1:4:${Buffer.from(key(number)).toString('base64')}`;
}

test('a classic client of one server finds one of another, in both directions', async () => {
  await using redis = await RedisServer.start();
  const { servers, first, second } = await pair(redis);
  await using _ = servers;
  await using a = await LoopbackPeer.open('127.0.0.7');
  await using b = await LoopbackPeer.open('127.0.0.8');
  await finds(a, first, 1, 2, undefined);
  await finds(b, second, 2, 1, a);
  await finds(a, first, 1, 2, b);
  // Sealed clients do not see classic entries: they are other keys of the store.
  assert.equal(await redis.ask('KEYS', 'wgr1:c:*'), '');
});

test('of two entries that was heard last counts', async () => {
  await using redis = await RedisServer.start();
  const { servers, first, second } = await pair(redis);
  await using _ = servers;
  await using a = await LoopbackPeer.open('127.0.0.7');
  await using old = await LoopbackPeer.open('127.0.0.8');
  await using moved = await LoopbackPeer.open('127.0.0.9');
  await finds(old, first, 2, 2, old);
  await servers.settle();
  await finds(moved, second, 2, 2, moved);
  await servers.settle();
  const value = await redis.ask(
    'EVAL',
    `return redis.call('GETRANGE', KEYS[1], 8, 11)`,
    '1',
    entry(2),
  );
  assert.deepEqual(Buffer.from(value, 'latin1').subarray(-1), Buffer.of(9));
  void a;
});

test('a classic entry expires by the time to live of the store', async () => {
  await using redis = await RedisServer.start();
  const { servers, first, second } = await pair(redis, 2000);
  await using _ = servers;
  await using a = await LoopbackPeer.open('127.0.0.7');
  await using b = await LoopbackPeer.open('127.0.0.8');
  await a.ask(first, 1, 1);
  await finds(b, second, 2, 1, a);
  const left = Number(await redis.ask('PTTL', entry(1)));
  assert.ok(left > 0 && left <= 2000, `${left}`);
  await finds(b, second, 2, 1, undefined);
});

test('hostile classic values are ignored and counted; requests are answered while the store is away', async () => {
  await using redis = await RedisServer.start();
  const { servers, first, second } = await pair(redis);
  await using _ = servers;
  await using a = await LoopbackPeer.open('127.0.0.7');
  await using b = await LoopbackPeer.open('127.0.0.8');
  for (const value of ['x', 'y'.repeat(14), 'z'.repeat(15), 'w'.repeat(100_000)]) {
    await redis.ask('SET', entry(3), value);
    const before = servers.services[0]!.counts().store!.classicLookups;
    await until(
      'another lookup',
      () => servers.services[0]!.counts().store!.classicLookups > before,
      () => void a.ask(first, 1, 3).catch(() => undefined),
    );
    await servers.settle();
  }
  assert.ok(servers.services[0]!.counts().store!.malformed >= 1);
  await redis.ask('DEL', entry(2));
  await redis.ask('RPUSH', entry(2), 'no string');
  await finds(a, first, 1, 2, undefined);
  await finds(b, second, 2, 2, b);
  await finds(a, first, 1, 2, b);
  await redis.kill();
  await finds(a, first, 1, 1, a);
});
