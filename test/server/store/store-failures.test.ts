import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import type { ServiceEvents } from '../../../src/server/service.js';
import { parseStoreUrl, type StoreAddress } from '../../../src/server/store/store-url.js';
import type { PublicKey } from '../../../src/wire/key.js';
import { until } from '../../native/deadline.js';
import { DelayingProxy } from './delaying-proxy.js';
import { RedisServer } from './redis-server.js';
import { SharedClient } from './shared-client.js';
import { SharingServers } from './sharing-servers.js';

/** What both servers said of their store, in order. */
class Sayings implements ServiceEvents {
  readonly all: string[] = [];
  readonly onStoreUp = () => this.all.push('up');
  readonly onStoreDown = (reason: string) => this.all.push(`down: ${reason}`);
  readonly onStoreWrites = (refusal: string | undefined) =>
    this.all.push(refusal === undefined ? 'writes' : `no writes: ${refusal}`);

  count(begin: string): number {
    return this.all.filter((it) => it.startsWith(begin)).length;
  }
}

let lastAddress = 20;

async function pair(store: StoreAddress, second = store) {
  const said = new Sayings();
  const servers = await SharingServers.open([store, second], {}, said);
  const join = (server: number, wanted: readonly PublicKey[], keys = generateKeyPair()) => {
    lastAddress = 20 + ((lastAddress - 19) % 200);
    const address = `127.0.0.${lastAddress}`;
    return SharedClient.join(
      servers.services[server]!,
      servers.keys[server]!,
      address,
      wanted,
      keys,
    );
  };
  return { servers, join, said };
}

type Join = Awaited<ReturnType<typeof pair>>['join'];

/** Two that join one server or two at the same time; the ms until both know each other. */
async function meet(join: Join, first: number, second: number): Promise<number> {
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  const start = performance.now();
  await using a = await join(first, [bob.publicKey], alice);
  await using b = await join(second, [alice.publicKey], bob);
  await a.meets(b);
  await b.meets(a);
  return performance.now() - start;
}

/** What a server does without help of the store, in ms at most. */
const OWN_MS = 1000;

test('a store that is not there costs the sharing only, is said once, and is used when it comes', async () => {
  await using redis = await RedisServer.start();
  await redis.kill();
  const { servers, join, said } = await pair(redis.address);
  await using _ = servers;
  assert.ok((await meet(join, 0, 0)) < OWN_MS);
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using a = await join(0, [bob.publicKey], alice);
  await using b = await join(1, [alice.publicKey], bob);
  await until('more attempts', () =>
    servers.services.every((it) => it.counts().store!.attempts >= 3),
  );
  await redis.start();
  await a.meets(b);
  await b.meets(a);
  assert.equal(said.count('down'), 2, `once for each server: ${said.all}`);
  assert.match(said.all[0]!, /^down: nothing listens there \((ENOENT|ECONNREFUSED)\)$/);
  assert.equal(said.count('up'), 2);
});

test('a store that is killed and comes back empty: nobody notices who has met, and all is written again', async () => {
  await using redis = await RedisServer.start();
  const { servers, join, said } = await pair(redis.address);
  await using _ = servers;
  await servers.up();
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  await using a = await join(0, [bob.publicKey], alice);
  await using b = await join(1, [alice.publicKey], bob);
  await a.meets(b);
  await b.meets(a);
  const told = a.told.length;
  await redis.kill();
  await until('both to notice', () => said.count('down') === 2);
  assert.ok((await meet(join, 1, 1)) < OWN_MS);
  await a.want(bob.publicKey);
  assert.equal(a.placeOf(bob.publicKey), b.place, 'still known while the store is away');
  await redis.start();
  await servers.up();
  assert.ok((await meet(join, 0, 1)) < 5000);
  await servers.settle();
  const keys = await redis.ask('KEYS', 'wgr1:c:*');
  assert.ok(keys.split('\n').length >= 2, `written again: ${keys}`);
  assert.equal(a.told.slice(told).filter(({ ipv4 }) => ipv4 === undefined).length, 0);
  assert.deepEqual([said.count('down'), said.count('up')], [2, 4]);
});

test('a slow store (2 s) delays what is shared and nothing else', async () => {
  await using redis = await RedisServer.start();
  await using proxy = await DelayingProxy.open(redis.path);
  const { servers, join, said } = await pair(parseStoreUrl(`redis://127.0.0.1:${proxy.port}`));
  await using _ = servers;
  await servers.up();
  proxy.delayMs = 1000;
  assert.ok((await meet(join, 0, 0)) < OWN_MS);
  const shared = await meet(join, 0, 1);
  assert.ok(shared > 1000 && shared < 9000, `${shared} ms`);
  await redis.ask('CLIENT', 'PAUSE', '2000', 'ALL');
  assert.ok((await meet(join, 1, 1)) < OWN_MS);
  assert.equal(said.count('down'), 0);
});

test('a store that falls silent is given up after 5 s, and used again when it speaks', async () => {
  await using redis = await RedisServer.start();
  const { servers, join, said } = await pair(redis.address);
  await using _ = servers;
  await servers.up();
  process.kill(redis.pid, 'SIGSTOP');
  try {
    assert.ok((await meet(join, 0, 0)) < OWN_MS);
    await until('both to give it up', () => said.count('down: it did not answer') === 2);
    assert.ok((await meet(join, 0, 0)) < OWN_MS);
  } finally {
    process.kill(redis.pid, 'SIGCONT');
  }
  await meet(join, 0, 1);
  assert.equal(said.count('down'), 2);
});

test('a full store is said once; those that are written meet, and all do when there is room', async () => {
  await using redis = await RedisServer.start('--maxmemory-policy', 'noeviction');
  const { servers, join, said } = await pair(redis.address);
  await using _ = servers;
  await servers.up();
  const bob = generateKeyPair();
  const alice = generateKeyPair();
  await using b = await join(1, [alice.publicKey], bob);
  await servers.settle();
  await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
  await using a = await join(0, [bob.publicKey], alice);
  // Alice cannot be written, but finds bob, and bob's server hears of her by a message.
  await a.meets(b);
  await b.meets(a);
  await until('a line about it', () => said.count('no writes') === 1);
  assert.ok((await meet(join, 0, 0)) < OWN_MS);
  assert.equal(said.count('no writes: OOM'), 1);
  assert.equal(said.count('down'), 0);
  // Two of which neither is written looked each other up in vain.
  const [carol, dave] = [generateKeyPair(), generateKeyPair()];
  await using c = await join(0, [dave.publicKey], carol);
  await using d = await join(1, [carol.publicKey], dave);
  await until('both servers to say it', () => said.count('no writes: OOM') === 2);
  c.knowsNothingOf(dave.publicKey);
  await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
  await until('writes again', () => said.count('writes') === 2);
  await c.meets(d);
  await d.meets(c);
  await servers.settle();
  assert.ok((await redis.ask('KEYS', 'wgr1:c:*')).split('\n').length >= 2);
  await meet(join, 1, 0);
});

test('a read-only store is said once, and written when it is no replica any more', async () => {
  await using redis = await RedisServer.start();
  const { servers, join, said } = await pair(redis.address);
  await using _ = servers;
  await servers.up();
  await redis.ask('REPLICAOF', '127.0.0.1', '1');
  await using a = await join(0, []);
  await until('a line about it', () => said.count('no writes: READONLY') === 1);
  assert.ok((await meet(join, 0, 0)) < OWN_MS);
  await redis.ask('REPLICAOF', 'NO', 'ONE');
  await until('writes again', () => said.count('writes') === 1);
  await meet(join, 0, 1);
  assert.equal(said.count('no writes'), 1, `${said.all}`);
  void a;
});

test('a wrong password is said once, without the password; the right one is used', async () => {
  await using redis = await RedisServer.start('--requirepass', 'g%ehe&im');
  const wrong = parseStoreUrl(`unix://:falsch-77@${redis.path}`);
  const { servers, join, said } = await pair(wrong);
  await using _ = servers;
  await until('both to be refused', () => said.count('down') === 2);
  assert.ok((await meet(join, 0, 0)) < OWN_MS);
  assert.deepEqual(new Set(said.all), new Set(['down: it refuses the user or the password']));
  const right = parseStoreUrl(`unix://:${encodeURIComponent('g%ehe&im')}@${redis.path}`);
  const others = await pair(right);
  await using __ = others.servers;
  await others.servers.up();
  await meet(others.join, 0, 1);
});

test('values of the wrong kind cost nothing, and are replaced', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis.address);
  await using _ = servers;
  await servers.up();
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  const entry = (key: PublicKey) => `wgr1:c:${Buffer.from(key).toString('base64')}`;
  await redis.ask('SET', entry(bob.publicKey), 'no hash');
  await redis.ask('RPUSH', entry(alice.publicKey), 'no', 'hash');
  await using a = await join(0, [bob.publicKey], alice);
  await servers.settle();
  a.knowsNothingOf(bob.publicKey);
  await using b = await join(1, [alice.publicKey], bob);
  await a.meets(b);
  await b.meets(a);
});

test('hostile entries and messages are ignored and counted', async () => {
  await using redis = await RedisServer.start();
  const { servers, join } = await pair(redis.address);
  await using _ = servers;
  await servers.up();
  const [alice, bob] = [generateKeyPair(), generateKeyPair()];
  const entry = `wgr1:c:${Buffer.from(bob.publicKey).toString('base64')}`;
  const field = JSON.stringify([...alice.publicKey]);
  const put = (registration: string, candidates: string) =>
    redis.ask(
      'EVAL',
      `local key = '' for _, byte in ipairs(cjson.decode('${field}')) do key = key .. string.char(byte) end
       redis.call('HSET', KEYS[1], 'r', ${registration}, key, ${candidates}) return 1`,
      '1',
      entry,
    );
  const stamp = `string.rep('\\255', 12) .. 'hostile!'`;
  await using a = await join(0, [bob.publicKey], alice);
  const valid = `${stamp} .. '\\1' .. '\\192\\0\\2\\1\\0\\7'`;
  const again = async () => {
    await a.want();
    await a.want(bob.publicKey);
    await servers.settle();
  };
  const malformed = () => servers.services[0]!.counts().store!.malformed;
  for (const registration of [
    `''`,
    `string.rep('x', 21)`,
    `string.rep('x', 45)`,
    `${stamp} .. '\\1'`,
    `${stamp} .. '\\1' .. '\\192\\0\\2\\1\\0\\0'`,
    `${stamp} .. '\\9' .. '\\192\\0\\2\\1\\0\\7'`,
    `${valid} .. '\\0'`,
    `${stamp} .. '\\255' .. string.rep('x', 24)`,
  ]) {
    const count = malformed();
    await put(registration, `''`);
    await again();
    a.knowsNothingOf(bob.publicKey);
    assert.equal(malformed(), count + 1, registration);
  }
  // The store itself passes on nothing that is too long.
  for (const [registration, candidates] of [
    [`string.rep('x', 1000000)`, `''`],
    [valid, `string.rep('y', 1000000)`],
    [valid, `string.rep('y', 249)`],
  ] as const) {
    await put(registration, candidates);
    await again();
    a.knowsNothingOf(bob.publicKey);
  }
  // One without fault is disclosed: the others were not for their faults.
  await put(valid, `string.rep('y', 17)`);
  await again();
  assert.deepEqual(
    [a.placeOf(bob.publicKey), a.about(bob.publicKey)?.candidates],
    ['192.0.2.1:7', undefined],
  );
  await redis.ask('DEL', entry);
  await again();
  const before = servers.services.map((it) => it.counts().store!.malformed);
  const channels = (await redis.ask('PUBSUB', 'CHANNELS', 'wgr1:*')).split('\n');
  assert.equal(channels.length, 3);
  for (const channel of channels) {
    for (const message of [
      '',
      'x',
      'y'.repeat(500),
      'z'.repeat(100_000),
      `hostile!\x01${'k'.repeat(99)}`,
    ]) {
      await redis.ask('PUBLISH', channel, message);
    }
  }
  await servers.settle();
  const after = servers.services.map((it) => it.counts().store!.malformed);
  assert.ok(after[0]! >= before[0]! + 8 && after[1]! >= before[1]! + 8, `${before} ${after}`);
  assert.equal(a.placeOf(bob.publicKey), undefined);
  await using b = await join(1, [alice.publicKey], bob);
  await a.meets(b);
});
