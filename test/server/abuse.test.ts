import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rendezvous } from './rendezvous.js';
import { request } from './requests.js';

const ABUSER = '203.0.113.66';
const MAX_PEERS = 2000;

/** Peers of an earlier, quiet time: key n at 10.0.n.1, ten of them. */
const VILLAGE = Array.from({ length: 10 }, (_, i) => i + 1);

function settle(rendezvous: Rendezvous): void {
  for (const n of VILLAGE) {
    rendezvous.ask(`10.0.${n}.1`, n, n);
  }
}

/** Every peer of the village is answered, finds its neighbour, and is where it was. */
function assertServed(rendezvous: Rendezvous): void {
  for (const n of VILLAGE) {
    const neighbour = (n % VILLAGE.length) + 1;
    assert.deepEqual(rendezvous.ask(`10.0.${n}.1`, n, neighbour), {
      address: `10.0.${neighbour}.1`,
      port: 51820,
      family: 4,
    });
  }
}

function spoofed(i: number): string {
  return `172.${16 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
}

test('one source cannot fill the table, nor push out the registrations of others', () => {
  const rendezvous = new Rendezvous({ maxPeers: MAX_PEERS });
  settle(rendezvous);
  for (let i = 0; i < 10 * MAX_PEERS; i++) {
    assert.equal(rendezvous.ask(ABUSER, 1000 + i, 0), 'unknown', 'refused, but answered');
  }
  assert.ok(rendezvous.table.size <= MAX_PEERS / 2 + VILLAGE.length, `${rendezvous.table.size}`);
  assertServed(rendezvous);
  // Newcomers from elsewhere still find room.
  const before = rendezvous.table.size;
  for (let i = 0; i < 500; i++) {
    rendezvous.ask(spoofed(i), 100_000 + i, 0);
  }
  assert.equal(rendezvous.table.size, before + 500);
});

test('an IPv6 /48 with many /64 leaves IPv4 and other networks their room', () => {
  const rendezvous = new Rendezvous({ maxPeers: 1024 });
  for (let i = 0; i < 4000; i++) {
    rendezvous.ask(`2001:db8:1:${(i % 500).toString(16)}::1`, 1000 + i, 0);
  }
  assert.ok(rendezvous.table.size <= 512, `${rendezvous.table.size}`);
  settle(rendezvous);
  assertServed(rendezvous);
  assert.notEqual(rendezvous.ask('2001:db8:2::1', 5, 5), 'unknown');
});

test('IPv6 of the whole world leaves IPv4 its eighth of the table', () => {
  const rendezvous = new Rendezvous({ maxPeers: 1024 });
  for (let i = 0; i < 4000; i++) {
    rendezvous.ask(`2001:${(i + 1).toString(16)}::1`, 1000 + i, 0);
  }
  assert.equal(rendezvous.table.size, 1024 - 128);
  settle(rendezvous);
  assertServed(rendezvous);
});

test('one IPv6 /64 is one source, however many addresses it sends from', () => {
  const rendezvous = new Rendezvous({ maxPeers: MAX_PEERS });
  for (let i = 0; i < 5 * MAX_PEERS; i++) {
    rendezvous.ask(`2001:db8::${(i + 1).toString(16)}`, 1000 + i, 0);
  }
  assert.ok(rendezvous.table.size <= MAX_PEERS / 2);
  assert.notEqual(rendezvous.ask('2001:db8:0:1::1', 5, 5), 'unknown');
});

test('the fuller the table, the sooner the heaviest source is refused; light ones go on', () => {
  const rendezvous = new Rendezvous({ maxPeers: MAX_PEERS });
  for (let i = 0; i < 300; i++) {
    rendezvous.ask(ABUSER, 10_000 + i, 0);
  }
  // Others take most of the rest, until fewer are free than the heavy source has.
  for (let i = 0; i < 1400; i++) {
    rendezvous.ask(spoofed(i), 20_000 + i, 0);
  }
  assert.equal(rendezvous.handler.counts.refused, 0);
  rendezvous.ask(ABUSER, 9000, 0);
  assert.equal(rendezvous.handler.counts.refused, 1, 'the heaviest is refused');
  rendezvous.ask('10.9.9.9', 9001, 0);
  assert.equal(rendezvous.handler.counts.refused, 1, 'a light one is not');
  rendezvous.ask(ABUSER, 10_000, 0);
  assert.equal(rendezvous.handler.counts.refreshes, 1, 'its known keys are kept');
});

test('entries that expire are free for their source again, those that only moved away are not', () => {
  const rendezvous = new Rendezvous({ maxPeers: 100, ttlMs: 1000 });
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 50; i++) {
      rendezvous.ask(ABUSER, round * 1000 + i, 0);
    }
    for (let i = 0; i < 50; i++) {
      rendezvous.ask(spoofed(i), round * 1000 + i, 0); // moves away
    }
    assert.equal(rendezvous.handler.counts.refused, round, 'none of the fifty');
    rendezvous.ask(ABUSER, round * 1000 + 50, 0);
    assert.equal(rendezvous.handler.counts.refused, round + 1, 'but the next');
    rendezvous.wait(2000);
    assert.equal(rendezvous.table.size, 0);
  }
});

test('a source above its rate is left without answers while others are served', () => {
  const rendezvous = new Rendezvous({ rate: 100, burst: 100 });
  settle(rendezvous);
  const flood = Array.from({ length: 5000 }, () => request(ABUSER, 99, 1));
  for (let second = 0; second < 5; second++) {
    const answered = rendezvous.deliver(flood).filter((reply) => reply !== undefined);
    assert.equal(answered.length, 100);
    assertServed(rendezvous);
    rendezvous.wait(1000);
  }
  assert.equal(rendezvous.counts.limited, 5 * 4900);
});

test('a flood of new keys from spoofed sources: the table fills, the known are served on', () => {
  const rendezvous = new Rendezvous({ maxPeers: MAX_PEERS, rate: 20_000, burst: 20_000 });
  settle(rendezvous);
  for (let i = 0; i < 20 * MAX_PEERS; i++) {
    rendezvous.ask(spoofed(i), 1000 + i, 0);
  }
  assert.equal(rendezvous.table.size, (7 / 8) * MAX_PEERS, 'all but the reserve of IPv6');
  assert.notEqual(rendezvous.ask('2001:db8::1', 900_000, 900_000), 'unknown', 'which is there');
  // 64 bytes a row; 8 a slot, of which there are at most 16/5 for each row, and half as many old ones.
  assert.ok(rendezvous.table.bytes <= MAX_PEERS * (64 + 8 * 3.2 * 1.5), 'memory is bounded');
  assertServed(rendezvous);
  rendezvous.wait(170_000);
  assertServed(rendezvous);
  rendezvous.wait(100_000);
  assert.equal(rendezvous.table.size, VILLAGE.length, 'the flood expires, the village does not');
  assertServed(rendezvous);
});

test('a flood of requests for unknown peers leaves one entry behind', () => {
  const rendezvous = new Rendezvous({ maxPeers: MAX_PEERS });
  settle(rendezvous);
  for (let i = 0; i < 50_000; i++) {
    assert.equal(rendezvous.ask(ABUSER, 99, 1_000_000 + i), 'unknown');
  }
  assert.equal(rendezvous.table.size, VILLAGE.length + 1);
  assertServed(rendezvous);
});

test('a flood of malformed datagrams is not answered and leaves nothing behind', () => {
  const rendezvous = new Rendezvous({ maxPeers: MAX_PEERS });
  settle(rendezvous);
  for (let i = 0; i < 20_000; i++) {
    const payload = new Uint8Array(i % 128).fill(i);
    const [reply] = rendezvous.deliver([{ from: spoofed(i), payload }]);
    assert.ok(reply === undefined || payload.length === 64);
  }
  // Those of 64 bytes were requests, from one key for each fill byte at most.
  assert.ok(rendezvous.table.size <= VILLAGE.length + 256);
  assertServed(rendezvous);
});

test('a full table is full for new keys only until entries expire', () => {
  const rendezvous = new Rendezvous({ maxPeers: 64, ttlMs: 1000 });
  for (let i = 0; i < 56; i++) {
    rendezvous.ask(spoofed(i << 8), 100 + i, 0); // each of a /24 of its own
  }
  rendezvous.ask('10.1.1.1', 1, 1);
  assert.equal(rendezvous.handler.counts.refused, 1);
  // No sweep is due yet: the newcomer itself makes room.
  rendezvous.now = 1000;
  assert.notEqual(rendezvous.ask('10.1.1.1', 1, 1), 'unknown');
});

test('two sources that hand each other their keys cannot fill the table either', () => {
  const accomplice = '203.0.113.67';
  const rendezvous = new Rendezvous({ maxPeers: MAX_PEERS });
  let key = 10_000;
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < MAX_PEERS; i++) {
      rendezvous.ask(ABUSER, key + i, 0);
    }
    for (let i = 0; i < MAX_PEERS; i++) {
      rendezvous.ask(accomplice, key + i, 0);
    }
    key += MAX_PEERS;
  }
  // The first takes half of the table, the second half of what is left.
  assert.ok(rendezvous.table.size <= (3 * MAX_PEERS) / 4 + 1, `${rendezvous.table.size}`);
  assert.notEqual(rendezvous.ask('10.9.9.9', 1, 1), 'unknown');
});
