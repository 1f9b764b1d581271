import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Rendezvous } from '../rendezvous.js';
import { type Incoming, key, request } from '../requests.js';

const ALICE = '192.0.2.1';
const BOB = '198.51.100.7';

test('a peer asked for is answered with where it was seen, in network order', () => {
  const rendezvous = new Rendezvous();
  const [first] = rendezvous.deliver([request(ALICE, 1, 2, 0x1234)]);
  assert.deepEqual(first, new Uint8Array(0));
  const [second] = rendezvous.deliver([request(BOB, 2, 1, 4000)]);
  assert.deepEqual(second, Uint8Array.of(192, 0, 2, 1, 0x12, 0x34));
  const { requests, registrations, hits, misses } = rendezvous.handler.counts;
  assert.deepEqual([requests, registrations, hits, misses], [2, 2, 1, 1]);
});

test('over IPv6 the answer has 18 bytes', () => {
  const rendezvous = new Rendezvous();
  rendezvous.deliver([request('2001:db8::1', 1, 9, 0x1234)], 6);
  const [reply] = rendezvous.deliver([request('2001:db8::2', 2, 1)], 6);
  const expected = [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 1, 0x12, 0x34];
  assert.deepEqual(reply, Uint8Array.from(expected));
});

test('the families are apart: a peer is found over each it registered over, and no other', () => {
  const rendezvous = new Rendezvous();
  rendezvous.ask(ALICE, 1, 9);
  rendezvous.ask('2001:db8::2', 2, 9);
  assert.equal(rendezvous.ask(BOB, 3, 2), 'unknown');
  assert.equal(rendezvous.ask('2001:db8::3', 3, 1), 'unknown');
  rendezvous.ask('2001:db8::1', 1, 9, 1111);
  assert.deepEqual(rendezvous.ask(BOB, 3, 1), { address: ALICE, port: 51820, family: 4 });
  const sixth = { address: '2001:db8::1', port: 1111, family: 6 } as const;
  assert.deepEqual(rendezvous.ask('2001:db8::3', 3, 1), sixth);
});

test('a key may ask for itself, and learns its own endpoint', () => {
  const answer = new Rendezvous().ask(ALICE, 1, 1, 77);
  assert.deepEqual(answer, { address: ALICE, port: 77, family: 4 });
});

test('a peer that moves is answered where it is now', () => {
  const rendezvous = new Rendezvous();
  rendezvous.ask(ALICE, 1, 9, 1000);
  rendezvous.ask(ALICE, 1, 9, 1000);
  rendezvous.ask(BOB, 1, 9, 2000);
  assert.deepEqual(rendezvous.ask(ALICE, 2, 1), { address: BOB, port: 2000, family: 4 });
  const { registrations, refreshes, moves } = rendezvous.handler.counts;
  assert.deepEqual([registrations, refreshes, moves], [2, 1, 1]);
});

test('within one batch a request sees those before it and not those after', () => {
  const rendezvous = new Rendezvous();
  const [first, second] = rendezvous.deliver([request(ALICE, 1, 2), request(BOB, 2, 1)]);
  assert.equal(first?.length, 0);
  assert.equal(second?.length, 6);
});

test('an entry is gone after its time to live, swept or not', () => {
  const rendezvous = new Rendezvous({ ttlMs: 1000 });
  rendezvous.ask(ALICE, 1, 9);
  rendezvous.now = 999;
  assert.notEqual(rendezvous.ask(BOB, 2, 1), 'unknown');
  rendezvous.now = 1000;
  assert.equal(rendezvous.ask(BOB, 2, 1), 'unknown');
  rendezvous.ask(ALICE, 1, 9);
  assert.equal(rendezvous.handler.counts.registrations, 3, 'registered anew');
});

test('the all-zero key cannot register, and is unknown to all', () => {
  const rendezvous = new Rendezvous();
  const zero = { from: ALICE, payload: new Uint8Array(64) };
  assert.deepEqual(rendezvous.deliver([zero]), [undefined]);
  const payload = new Uint8Array(64);
  payload.set(key(1));
  assert.deepEqual(rendezvous.deliver([{ from: ALICE, payload }]), [new Uint8Array(0)]);
  assert.equal(rendezvous.table.size, 1);
  assert.equal(rendezvous.counts.malformed, 1);
});

test('port 0 cannot be answered and does not register', () => {
  const rendezvous = new Rendezvous();
  assert.equal(rendezvous.ask(ALICE, 1, 1, 0), 'silence');
  assert.equal(rendezvous.table.size, 0);
});

test('only 64 bytes are a request: every other length is counted and not answered', () => {
  const rendezvous = new Rendezvous();
  for (let length = 0; length <= 2000; length++) {
    const [reply] = rendezvous.deliver([{ from: ALICE, payload: new Uint8Array(length).fill(7) }]);
    assert.equal(reply === undefined, length !== 64, `${length} bytes`);
  }
  assert.equal(rendezvous.counts.malformed, 2000);
  assert.equal(rendezvous.handler.counts.requests, 1);
});

test('no reply is larger than its request, and each datagram is counted once (property)', () => {
  const datagram: fc.Arbitrary<Incoming> = fc.record({
    from: fc.ipV4(),
    port: fc.nat(65535),
    payload: fc.oneof(
      fc.uint8Array({ minLength: 0, maxLength: 200, size: 'max' }),
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      fc.tuple(fc.nat(3), fc.nat(3)).map(([mine, theirs]) => request('', mine, theirs).payload),
    ),
  });
  fc.assert(
    fc.property(fc.array(fc.array(datagram, { maxLength: 20 }), { maxLength: 5 }), (batches) => {
      const rendezvous = new Rendezvous({ rate: 1, burst: 10 });
      let delivered = 0;
      for (const datagrams of batches) {
        const replies = rendezvous.deliver(datagrams);
        for (const [slot, reply] of replies.entries()) {
          assert.ok((reply?.length ?? 0) <= datagrams[slot]!.payload.length);
          assert.ok(reply === undefined || reply.length === 0 || reply.length === 6);
        }
        delivered += datagrams.length;
      }
      const { counts } = rendezvous;
      assert.equal(counts.requests + counts.malformed + counts.limited, delivered);
      assert.equal(counts.hits + counts.misses, counts.requests);
      const { registrations, refreshes, moves, refused } = counts;
      assert.equal(registrations + refreshes + moves + refused, counts.requests);
    }),
  );
});

test('a private endpoint is withheld from the outside, a loopback one from every other host', () => {
  const places = ['127.0.0.1', '10.0.0.7', '100.64.0.9', '198.51.100.7', '169.254.1.2'];
  const rendezvous = new Rendezvous();
  for (const [i, place] of places.entries()) {
    rendezvous.ask(place, i + 1, 99);
  }
  const known = places.map((asker, i) =>
    places.filter((_, j) => typeof rendezvous.ask(asker, i + 1, j + 1) === 'object'),
  );
  assert.deepEqual(known, [
    ['127.0.0.1', '10.0.0.7', '100.64.0.9', '198.51.100.7'],
    ['10.0.0.7', '100.64.0.9', '198.51.100.7'],
    ['10.0.0.7', '100.64.0.9', '198.51.100.7'],
    ['198.51.100.7'],
    ['10.0.0.7', '100.64.0.9', '198.51.100.7'],
  ]);
  assert.equal(rendezvous.counts.withheld, 1 + 2 + 2 + 4 + 2);
});

test('IPv6: the same for ::1, ULA, IPv4-mapped and link-local endpoints', () => {
  const places = ['::1', 'fd00::7', '::ffff:198.51.100.7', 'fe80::7', '2001:db8::7'];
  const rendezvous = new Rendezvous();
  for (const [i, place] of places.entries()) {
    rendezvous.ask(place, i + 1, 99);
  }
  const known = (asker: string) =>
    places.filter((_, j) => typeof rendezvous.ask(asker, 50, j + 1) === 'object');
  assert.deepEqual(known('2001:db8::9'), ['2001:db8::7']);
  assert.deepEqual(known('fd00::9'), ['fd00::7', '2001:db8::7']);
  assert.deepEqual(known('fe80::9'), ['fd00::7', '2001:db8::7']);
  assert.deepEqual(known('::1'), ['::1', 'fd00::7', '2001:db8::7']);
});
