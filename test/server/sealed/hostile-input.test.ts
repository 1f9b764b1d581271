import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { key } from '../requests.js';
import { SealedRendezvous } from './sealed-rendezvous.js';
import { TestClient } from './test-client.js';

const ALICE = '198.51.100.7';
const BOB = '203.0.113.8';

test('mutated captures of a whole conversation do no harm and leave nothing behind', () => {
  const world = new SealedRendezvous();
  const [a, b] = [new TestClient(world, ALICE), new TestClient(world, BOB)];
  for (const [client, other] of [
    [a, b],
    [b, a],
  ] as const) {
    assert.ok(client.connect());
    client.want(other.publicKey, key(1));
    client.want(other.publicKey);
    client.ask(client.plain(FRAME.ping));
  }
  const captured = [...world.captured];
  const before = world.handler.sizes;
  const edit = fc.tuple(fc.nat(1300), fc.nat(255));
  const input = fc.record({
    from: fc.constantFrom(ALICE, BOB, '192.0.2.66'),
    pick: fc.nat(captured.length - 1),
    edits: fc.array(edit, { maxLength: 4 }),
    cut: fc.option(fc.nat(1300)),
    wait: fc.nat(20),
  });
  fc.assert(
    fc.property(input, ({ from, pick, edits, cut, wait }) => {
      const bytes = new Uint8Array(cut ?? captured[pick]!.length);
      bytes.set(captured[pick]!.subarray(0, bytes.length));
      for (const [at, value] of edits) {
        bytes[at % (bytes.length || 1)] = value;
      }
      world.wait(wait);
      world.deliver([{ from, payload: bytes }]);
    }),
    { numRuns: 5000 },
  );
  assert.deepEqual(world.handler.sizes, before);
  assert.equal(a.find(b.publicKey), b.endpoint);
});

test('a client that holds a session and sends any plaintext throws nothing and keeps to its bounds', () => {
  const world = new SealedRendezvous({ maxWanted: 50 });
  const client = new TestClient(world, ALICE);
  const peer = new TestClient(world, BOB);
  for (const it of [client, peer]) {
    assert.ok(it.connect());
  }
  peer.want(client.publicKey);
  const plaintext = fc.record({
    kind: fc.oneof(fc.constantFrom(...Object.values(FRAME)), fc.nat(255)),
    count: fc.oneof(fc.nat(40), fc.nat(65_535)),
    body: fc.uint8Array({ maxLength: 1196, size: 'max' }),
    wantsPeer: fc.boolean(),
  });
  fc.assert(
    fc.property(plaintext, ({ kind, count, body, wantsPeer }) => {
      if (kind === FRAME.bye) {
        return;
      }
      const message = client.seal((writer) => {
        writer.beginWant(1, 0, 1);
        const length = 4 + body.length;
        while (writer.fits(32) && writer.length < length) {
          writer.addKey(key(0));
        }
        writer.bytes.set(body, 4);
        if (wantsPeer) {
          writer.bytes.set(peer.publicKey, 12);
        }
        writer.bytes.set([kind, 0, count & 255, count >>> 8]);
      });
      client.ask(message);
      world.wait(20);
      client.takePushes();
      assert.ok(world.handler.sizes.wants <= 51);
      assert.ok(world.handler.sizes.candidates <= 50);
    }),
    { numRuns: 2000 },
  );
  assert.ok(world.handler.counts.malformedFrames > 0);
  assert.ok(client.exchange(client.plain(FRAME.ping)));
});
