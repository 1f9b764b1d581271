import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import type { Sharer, StoreCommand } from '../../../src/server/store/commands.js';
import { OutgoingNews } from '../../../src/server/store/outgoing-news.js';
import { SealedSharing } from '../../../src/server/store/sealed-sharing.js';
import { noStoreCounts } from '../../../src/server/store/store-counts.js';
import { StoreLink } from '../../../src/server/store/store-link.js';
import { WriteGate } from '../../../src/server/store/write-gate.js';
import { until } from '../../native/deadline.js';
import { SealedRendezvous } from '../sealed/sealed-rendezvous.js';
import { TestClient } from '../sealed/test-client.js';
import { RedisServer } from './redis-server.js';

const SERVER = 'server01';

/** A sharer with more to send than any link may take. */
class Flood implements Sharer {
  queued = 20_000;
  isOpen = false;

  constructor(private readonly length: number) {}

  up(): void {}
  down(): void {}

  take(room: number): StoreCommand[] {
    const count = this.isOpen ? Math.min(room, this.queued) : 0;
    this.queued -= count;
    return Array.from({ length: count }, () => ({
      channel: 'wgr1:s:00',
      message: Buffer.alloc(this.length),
    }));
  }
}

for (const [length, most] of [
  [1, 1024],
  [16_384, 256 + 64], // 4 MiB, and one batch that was begun below them
] as const) {
  test(`at most ${most} commands of ${length} bytes are in flight to a store that does not answer`, async () => {
    await using redis = await RedisServer.start();
    const flood = new Flood(length);
    const handlers = { onUp: () => {}, onDown: () => {}, onMessage: () => {} };
    const link = new StoreLink(redis.address, SERVER, [flood], handlers, noStoreCounts());
    try {
      await until('the store', () => link.isUp);
      process.kill(redis.pid, 'SIGSTOP');
      flood.isOpen = true;
      link.flush();
      assert.ok(link.inFlight > most / 2 && link.inFlight <= most, `${link.inFlight} in flight`);
      assert.equal(flood.queued + link.inFlight, 20_000);
    } finally {
      process.kill(redis.pid, 'SIGCONT');
      await link.close();
    }
  });
}

test('what waits is one item for each client and want there is, however often lists change', () => {
  const world = new SealedRendezvous();
  const counts = noStoreCounts();
  const gate = new WriteGate(() => {});
  const options = { server: SERVER, ttlMs: 180_000, counts, gate, allow: () => undefined };
  const sharing = new SealedSharing(world.handler.directory, options);
  sharing.up(world.now);
  const clients = Array.from({ length: 20 }, (_, i) => new TestClient(world, `192.0.2.${i}`));
  let most = 0;
  for (let round = 0; round < 20; round++) {
    for (const client of clients) {
      assert.ok(round > 0 || client.connect());
      client.want(...Array.from({ length: 30 }, () => generateKeyPair().publicKey));
    }
    // The store takes each client once, then little, and answers nothing.
    sharing.take(round === 0 ? 64 : 1, world.now);
    most = Math.max(most, sharing.queued);
    assert.ok(sharing.queued <= 20 * (1 + 30), `${sharing.queued} wait after ${round} changes`);
  }
  assert.ok(most > 300, `${most}: nothing waited`);
  sharing.down(world.now);
  assert.equal(sharing.queued, 0);
});

test('news for other servers wait up to 4 MiB; what exceeds that is dropped and counted', () => {
  const counts = noStoreCounts();
  const news = new OutgoingNews(SERVER, counts);
  const [from, to] = ['a'.repeat(32), 'b'.repeat(32)];
  for (let i = 0; i < 100_000; i++) {
    news.add(`server${i % 7}`, { kind: 'gone', from, to });
  }
  const room = Math.floor((4 * 1024 * 1024) / 65);
  assert.deepEqual([news.size, counts.dropped], [room, 100_000 - room]);
  news.take();
  assert.equal(news.size, 0);
});
