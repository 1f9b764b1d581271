import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair, type KeyPair } from '../../../src/sealed/key-pair.js';
import type { ServiceOptions } from '../../../src/server/options.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import type { PublicKey } from '../../../src/wire/key.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { until } from '../../native/deadline.js';
import { Line } from '../sealed/line.js';
import { RedisServer } from './redis-server.js';
import { SharedClient } from './shared-client.js';
import { SharingServers } from './sharing-servers.js';

const ALICE = '127.0.0.7';
const BOB = '127.0.0.8';

/** Two servers of one store, and what it takes to join one of them. */
async function pair(redis: RedisServer, options: Partial<ServiceOptions> = {}) {
  const servers = await SharingServers.open([redis.address, redis.address], options);
  await servers.up();
  const join = (
    server: number,
    address: string,
    wanted: readonly PublicKey[],
    keys = generateKeyPair(),
  ) => SharedClient.join(servers.services[server]!, servers.keys[server]!, address, wanted, keys);
  return { servers, join };
}

test('a client of one server meets a client of another, whoever comes first', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis);
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using a = await join(0, ALICE, [bob.publicKey], alice);
  await servers.settle();
  await using b = await join(1, BOB, [alice.publicKey], bob);
  await a.meets(b);
  await b.meets(a);
  assert.equal(servers.services[0]!.counts().store?.remotePeers, 1);
});

test('two that come at the same moment miss each other never', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis);
  await using _ = servers;
  for (let round = 0; round < 20; round++) {
    const [alice, bob] = [generateKeyPair(), generateKeyPair()];
    const [a, b] = await Promise.all([
      join(0, ALICE, [bob.publicKey], alice),
      join(1, BOB, [alice.publicKey], bob),
    ]);
    await a.meets(b);
    await b.meets(a);
    await a[Symbol.asyncDispose]();
    await b[Symbol.asyncDispose]();
  }
});

test('one that is not wanted learns nothing, not even whether there is such a peer', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis);
  await using _ = servers;
  const other = generateKeyPair().publicKey;
  await using b = await join(1, BOB, [other]);
  await using a = await join(0, ALICE, [b.publicKey, other]);
  await servers.settle();
  await a.ping();
  await a.want(b.publicKey, other);
  await servers.settle();
  a.knowsNothingOf(b.publicKey);
  b.knowsNothingOf(a.publicKey);
  // The answers about one that exists and one that does not are the same but for the key.
  const [about, aboutNobody] = [a.about(b.publicKey)!, a.about(other)!];
  assert.deepEqual({ ...about, key: undefined }, { ...aboutNobody, key: undefined });
  // And nothing about the pair went from one server to the other.
  assert.equal(servers.services[0]!.counts().store?.newsSent, 0);
  assert.equal(servers.services[1]!.counts().store?.newsSent, 0);
  await b.want(a.publicKey);
  await a.meets(b);
});

test('a move is pushed across servers, and so are candidates, sealed to the peer', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis);
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using a = await join(0, ALICE, [bob.publicKey], alice);
  await using b = await join(1, BOB, [alice.publicKey], bob);
  await a.meets(b);
  await b.meets(a);
  b.offer(alice.publicKey, 7);
  await until(
    'candidates',
    () => a.about(bob.publicKey)?.candidates?.every((it) => it === 7) === true,
  );
  await using moved = await join(1, '127.0.0.9', [alice.publicKey], bob);
  await until('the move', () => a.placeOf(bob.publicKey) === moved.place);
  // One that comes later reads the candidates in the store.
  moved.offer(alice.publicKey, 9);
  await servers.settle();
  await using again = await join(0, '127.0.0.10', [bob.publicKey], alice);
  await until('candidates that were there before', () => {
    return again.about(bob.publicKey)?.candidates?.every((it) => it === 9) === true;
  });
});

test('who leaves, or does not want the peer any more, is gone for it at once', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis);
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using a = await join(0, ALICE, [bob.publicKey], alice);
  await using b = await join(1, BOB, [alice.publicKey], bob);
  await a.meets(b);
  await b.meets(a);
  await b.want(generateKeyPair().publicKey);
  await until('the withdrawal', () => a.placeOf(bob.publicKey) === undefined);
  await b.want(alice.publicKey);
  await a.meets(b);
  await b.bye();
  await until('the goodbye', () => a.placeOf(bob.publicKey) === undefined);
  await servers.settle();
  assert.equal(Number(await redis.ask('DBSIZE')), 1, "alice's entry only");
});

test('entries expire by the time to live of the store, also where their server is gone', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis, { peerTtlMs: 3000 });
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using b = await join(1, BOB, [alice.publicKey], bob);
  await servers.settle();
  const key = await redis.ask('KEYS', 'wgr1:c:*');
  const left = Number(await redis.ask('PTTL', key));
  assert.ok(left > 0 && left <= 3000, `${left} ms to live`);
  await servers.services[1]!.close();
  await using a = await join(0, ALICE, [bob.publicKey], alice);
  await a.meets(b);
  const ping = setInterval(() => a.line.send(a.service, a.client.plain(FRAME.ping)), 500);
  await until('the store to forget bob', () => a.placeOf(bob.publicKey) === undefined);
  clearInterval(ping);
  assert.equal(await redis.ask('EXISTS', key), '0');
  void b;
});

test('a server that was restarted finds the peers of its clients with the other', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis);
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using a = await join(0, ALICE, [bob.publicKey], alice);
  await using b = await join(1, BOB, [alice.publicKey], bob);
  await a.meets(b);
  await servers.services[0]!.close();
  servers.services.shift();
  servers.keys.shift();
  await servers.add(redis.address);
  await servers.up();
  await using back = await join(1, '127.0.0.11', [bob.publicKey], alice);
  await back.meets(b);
  await b.meets(back);
});

test('of two registrations of one client the newest counts, for consent as well', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis);
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using a = await join(0, ALICE, [bob.publicKey], alice);
  await using old = await join(0, BOB, [alice.publicKey], bob);
  await a.meets(old);
  await using newer = await join(1, '127.0.0.9', [alice.publicKey], bob);
  await until('the newer place', () => a.placeOf(bob.publicKey) === newer.place);
  // What the older one changes is not written.
  const entry = `wgr1:c:${Buffer.from(bob.publicKey).toString('base64')}`;
  const script = `local owner = string.sub(redis.call('HGET', KEYS[1], 'r'), 13, 20)
    return string.format(string.rep('%02x', 8), string.byte(owner, 1, 8))`;
  const owner = await redis.ask('EVAL', script, '1', entry);
  await old.want(alice.publicKey, generateKeyPair().publicKey);
  await servers.settle();
  assert.equal(await redis.ask('EVAL', script, '1', entry), owner);
  assert.equal(a.placeOf(bob.publicKey), newer.place);
  // Bob drops alice where it is now; the list of before, on the other server, does not count any more.
  await newer.want(generateKeyPair().publicKey);
  await until('the withdrawal', () => a.placeOf(bob.publicKey) === undefined);
});

test('a client that left one server without a word, and wants a peer no more on the other, is not disclosed', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis);
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using old = await join(0, BOB, [alice.publicKey], bob);
  await servers.settle();
  await using newer = await join(1, '127.0.0.9', [generateKeyPair().publicKey], bob);
  await until('the older server to hear of it', () => {
    return servers.services[0]!.counts().store!.superseded === 1;
  });
  await servers.settle();
  await using a = await join(0, ALICE, [bob.publicKey], alice);
  await servers.settle();
  a.knowsNothingOf(bob.publicKey);
  // Where the store is gone, each server knows its own clients only.
  await redis.kill();
  await a.meets(old);
  void newer;
});

test('a client whose entry the store lost is written again, and meets one that looked it up meanwhile', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis, { peerTtlMs: 12_000 });
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using a = await join(0, ALICE, [bob.publicKey], alice);
  await servers.settle();
  await redis.ask('FLUSHALL');
  await using b = await join(1, BOB, [alice.publicKey], bob);
  // Entries are extended four times in their time to live, and written again where they are gone.
  await a.meets(b);
  await b.meets(a);
});

test('a client of both servers is one peer at one endpoint, with one notice for each registration', async () => {
  await using redis = await RedisServer.start();
  const { servers } = await pair(redis, { peerTtlMs: 4000 });
  await using _ = servers;
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  const joinBoth = async (address: string, wanted: PublicKey, keys: KeyPair) => {
    const line = await Line.open(address);
    const sessions: SharedClient[] = [];
    for (const [i, service] of servers.services.entries()) {
      sessions.push(await SharedClient.join(service, servers.keys[i]!, line, [wanted], keys));
    }
    return { line, sessions };
  };
  const a = await joinBoth(ALICE, bob.publicKey, alice);
  await servers.settle();
  const b = await joinBoth(BOB, alice.publicKey, bob);
  await using __ = a.line;
  await using ___ = b.line;
  const sessions = [...a.sessions, ...b.sessions];
  // Pushes are acknowledged at once, so that none is repeated.
  const acknowledge = setInterval(() => {
    for (const session of sessions) {
      session.takeIn();
    }
  }, 10);
  for (const [i, session] of sessions.entries()) {
    await session.meets(sessions[(i + 2) % 4]!);
  }
  await servers.settle();
  const sum = (name: 'newsSent' | 'published' | 'refreshed') =>
    servers.services.reduce((all, it) => all + it.counts().store![name], 0);
  const before = [sum('newsSent'), sum('published')];
  const refreshed = sum('refreshed');
  const pings = setInterval(() => {
    for (const { line, service, client } of sessions) {
      line.send(service, client.plain(FRAME.ping));
    }
  }, 300);
  try {
    // Longer than an entry lives: each of the four registrations is visited four times in that.
    await until('refreshes', () => sum('refreshed') >= refreshed + 20);
  } finally {
    clearInterval(pings);
    clearInterval(acknowledge);
  }
  await servers.settle();
  assert.deepEqual([sum('newsSent'), sum('published')], before, 'news or writes without a change');
  for (const [i, session] of sessions.entries()) {
    const peer = sessions[(i + 2) % 4]!;
    await session.meets(peer);
    const places = session.told.map(({ ipv4 }) => ipv4 && formatEndpoint(ipv4));
    // Each registration of the peer is news once, and none takes the endpoint back in between.
    const known = places.slice(places.indexOf(peer.place));
    const same = known.every((it) => it === peer.place);
    assert.ok(same && known.length <= 2, `session ${i} was told ${places}`);
  }
});
