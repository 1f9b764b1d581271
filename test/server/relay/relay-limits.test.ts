import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BINDING } from '../../../src/wire/relay.js';
import type { PeerEntry } from '../../../src/wire/sealed-frame-reader.js';
import { FRAME, RELAY_REFUSAL } from '../../../src/wire/sealed-frames.js';
import {
  connectedPair,
  distinctSource,
  FIRST_PORT,
  RelayedClient,
  RelayWorld,
  relayedPair,
  wireguard,
} from './relay-world.js';

const DATA = wireguard(4, 1456, 7);
const MIN_BURST = 128 * 1024;

const PAIRS_PER_PORT = 512;
const MAX_ASKED = 37;

/** A client and peers that want it as it wants them, at a server with 40 ports. */
function hub(count: number) {
  const world = new RelayWorld({ ports: 40 });
  const a = new RelayedClient(world, '198.51.100.7');
  assert.ok(a.connect());
  const peers = Array.from({ length: count }, (_, i) => {
    const peer = new RelayedClient(world, `203.0.113.${i + 1}`);
    assert.ok(peer.connect());
    peer.want(a.publicKey);
    return peer;
  });
  a.want(...peers.map(({ publicKey }) => publicKey));
  return { world, a, peers };
}

/** The last that a client was pushed, after it has acknowledged all. */
function lastPushed(client: RelayedClient): PeerEntry | undefined {
  let last: PeerEntry | undefined;
  for (let some = client.takePushes(); some.length > 0; some = client.takePushes()) {
    last = some.at(-1);
  }
  return last;
}

test('a pair is relayed at its rate, both directions together, after its burst', () => {
  const world = new RelayWorld({ rate: 1_000_000 });
  const { a, b, offerOfA } = connectedPair(world);
  const passes = (from: string) => world.send(offerOfA.port, from, DATA.slice()).length === 1;
  assert.ok(!passes(a.endpoint), 'the burst is saved up first');
  world.server.wait(2000);
  const burst = Math.floor(MIN_BURST / DATA.length);
  for (let i = 0; i < burst; i++) {
    assert.ok(passes(i % 2 === 0 ? a.endpoint : b.endpoint), `${i}`);
  }
  assert.ok(!passes(a.endpoint) && !passes(b.endpoint));
  let bytes = 0;
  for (let i = 0; i < 2000; i++) {
    world.server.now += 5;
    bytes += passes(a.endpoint) ? DATA.length : 0;
  }
  assert.ok(Math.abs(bytes - 1_250_000) < 2 * DATA.length, `${bytes} bytes in 10 s`);
  assert.ok(world.relay.counts.pairRate > 0);
  assert.equal(world.relay.counts.totalRate, 0);
});

test('all pairs together are relayed at the total rate', () => {
  const world = new RelayWorld({ totalRate: 1_000_000 });
  const first = connectedPair(world);
  const second = connectedPair(world, ['198.51.100.9', '203.0.113.9']);
  let bytes = 0;
  for (let i = 0; i < 2000; i++) {
    world.server.now += 5;
    for (const { a, offerOfA } of [first, second]) {
      bytes += world.send(offerOfA.port, a.endpoint, DATA.slice()).length * DATA.length;
    }
  }
  assert.ok(Math.abs(bytes - 1_250_000 - MIN_BURST) < 2 * DATA.length, `${bytes} bytes in 10 s`);
  assert.equal(world.relay.counts.pairRate, 0);
});

test('a binding ends 60 s after the last datagram of its side, whatever the other side sends', () => {
  const { world, a, b, offerOfA } = connectedPair();
  const send = (from: string) => world.send(offerOfA.port, from, DATA.slice()).length;
  for (let i = 0; i < 5; i++) {
    world.server.wait(20_000);
    send(a.endpoint);
    b.ask(b.plain(FRAME.ping));
  }
  assert.equal(world.relay.sizes.bindings, 1);
  assert.equal(send(b.endpoint), 0, 'b is not bound any more');
  assert.equal(send(a.endpoint), 0);
  assert.equal(world.relay.counts.expired, 1);
});

test('binds keep a binding without traffic', () => {
  const { world, a, b, offerOfA, offerOfB } = connectedPair();
  for (let i = 0; i < 10; i++) {
    world.server.wait(20_000);
    assert.equal(a.bind(offerOfA), BINDING.connected);
    assert.equal(b.bind(offerOfB), BINDING.connected);
    a.ask(a.plain(FRAME.ping));
    b.ask(b.plain(FRAME.ping));
  }
});

test('a pair that no client asks for keeps its port while it is used, and 60 s more', () => {
  const { world, a, b, offerOfA } = connectedPair();
  a.askRelay();
  b.askRelay();
  for (let i = 0; i < 4; i++) {
    world.server.wait(25_000);
    world.send(offerOfA.port, b.endpoint, DATA.slice());
    assert.equal(world.send(offerOfA.port, a.endpoint, DATA.slice()).length, 1);
    for (const one of [a, b]) {
      one.ask(one.plain(FRAME.ping));
    }
  }
  world.server.wait(59_000);
  assert.equal(world.relay.sizes.pairs, 1);
  world.server.wait(3000);
  assert.deepEqual(world.relay.sizes, { pairs: 0, bindings: 0 });
  const pushed = lastPushed(b);
  assert.ok(
    pushed !== undefined && pushed.relay === undefined,
    'those who know of the port are told',
  );
});

test('one who takes the other off its want list ends the relay at once', () => {
  const { world, a, b, offerOfA } = connectedPair();
  b.want();
  assert.deepEqual(world.relay.sizes, { pairs: 0, bindings: 0 });
  assert.deepEqual(world.send(offerOfA.port, a.endpoint, DATA), []);
  assert.equal(a.takePushes()[0]?.relay, undefined);
});

test('a client that leaves or is restarted keeps its tunnel, and gets the same port again', () => {
  const { world, a, b, offerOfA } = connectedPair();
  a.ask(a.plain(FRAME.bye));
  assert.deepEqual(
    world.send(offerOfA.port, b.endpoint, DATA.slice()).map(({ to }) => to),
    [a.endpoint],
  );
  const again = new RelayedClient(world, a.address, a.port, a.keys);
  assert.ok(again.connect());
  again.want(b.publicKey);
  assert.ok(lastPushed(b)?.relay, 'b, which asks still, has new credentials');
  const offer = again.askRelay(b.publicKey)[0]?.relay;
  assert.equal(offer?.port, offerOfA.port);
  assert.notEqual(offer.id, offerOfA.id);
  assert.deepEqual(
    world.send(offerOfA.port, b.endpoint, DATA.slice()).map(({ to }) => to),
    [a.endpoint],
    'and the tunnel went on all the time',
  );
  assert.equal(again.bind(offer), BINDING.connected);
});

test('a new session gives new credentials; the old ones bind no more, the binding stays', () => {
  const { world, a, b, offerOfA } = connectedPair();
  assert.ok(a.connect());
  a.want(b.publicKey);
  const offer = a.askRelay(b.publicKey)[0]!.relay!;
  assert.equal(offer.port, offerOfA.port);
  assert.deepEqual(world.send(offerOfA.port, a.endpoint, a.makeBind(offerOfA, undefined, 99)), []);
  assert.equal(world.send(offerOfA.port, b.endpoint, DATA.slice()).length, 1);
  assert.equal(a.bind(offer), BINDING.connected);
});

test('a late relay frame changes nothing', () => {
  const { a, b } = relayedPair();
  const late = a.seal((writer) => writer.begin(FRAME.relay));
  assert.ok(a.askRelay(b.publicKey)[0]?.relay);
  assert.equal(a.exchange(late), undefined);
  assert.equal(a.relayWorld.server.handler.counts.lateChanges, 1);
});

test('one source gets its share of the pairs, and others still find room', () => {
  const world = new RelayWorld({ ports: 1 });
  const pairs = Array.from({ length: 300 }, (_, i) => {
    const a = new RelayedClient(world, '198.51.100.7', 1000 + i);
    const b = new RelayedClient(world, `203.0.${113 + (i >> 7)}.${i & 127}`);
    assert.ok(a.connect() && b.connect());
    b.want(a.publicKey);
    a.want(b.publicKey);
    return a.askRelay(b.publicKey)[0];
  });
  const given = pairs.filter((entry) => entry?.relay !== undefined).length;
  assert.ok(given > 100 && given <= 256, `${given} of 512`);
  assert.equal(pairs.at(-1)?.relayRefusal, RELAY_REFUSAL.full);
  const other = relayedPair(world, ['192.0.2.5', '192.0.2.6']);
  assert.equal(other.offerOfA.port, FIRST_PORT);
  assert.equal(world.relay.counts.allocated, given + 1);
});

test('a full relay refuses the next pair plainly, and serves those that it has', () => {
  const world = new RelayWorld({ ports: 1 });
  // Each family keeps an eighth of the table for itself.
  for (let i = 1; i < PAIRS_PER_PORT; i++) {
    const source = distinctSource(i, i % 2 === 0 ? 4 : 6);
    assert.ok(world.relay.open([`a${i}`, `b${i}`], source), `${i}`);
  }
  const { a, b, offerOfA } = connectedPair(world);
  assert.equal(world.relay.sizes.pairs, PAIRS_PER_PORT);
  const late = [new RelayedClient(world, '192.0.2.5'), new RelayedClient(world, '192.0.2.6')];
  const [first, second] = late as [RelayedClient, RelayedClient];
  assert.ok(first.connect() && second.connect());
  first.want(second.publicKey);
  second.want(first.publicKey);
  const [entry] = first.askRelay(second.publicKey);
  assert.equal(entry?.relay, undefined);
  assert.equal(entry?.relayRefusal, RELAY_REFUSAL.full);
  assert.equal(world.relay.counts.full, 1);
  assert.equal(world.relay.sizes.pairs, PAIRS_PER_PORT);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    assert.deepEqual(
      world.send(offerOfA.port, from.endpoint, DATA.slice()).map((sent) => sent.to),
      [to.endpoint],
    );
  }
  b.want();
  assert.ok(first.askRelay(second.publicKey)[0]?.relay, 'the next one that leaves makes room');
});

test('a client asks for 37 peers at once, and gets each of them a port', () => {
  const { world, a, peers } = hub(MAX_ASKED + 1);
  const keys = peers.map(({ publicKey }) => publicKey);
  const entries = a.askRelay(...keys.slice(0, MAX_ASKED));
  assert.equal(new Set(entries.map(({ relay }) => relay?.port)).size, MAX_ASKED);
  assert.ok(entries.every(({ relay }) => relay !== undefined));
  // A frame of 38 keys has no room in a datagram; one that claims to hold them is dropped.
  assert.throws(() => a.askRelay(...keys), RangeError);
  const { malformedFrames } = world.server.handler.counts;
  const claim = a.seal((writer) => {
    const list = writer.begin(FRAME.relay);
    for (const key of keys.slice(1)) {
      list.addKey(key);
    }
    list.bytes[2]!++;
    return list;
  });
  assert.equal(a.exchange(claim), undefined);
  assert.equal(world.server.handler.counts.malformedFrames, malformedFrames + 1);
  assert.equal(world.relay.sizes.pairs, MAX_ASKED, 'and the others stay');
  // A later frame replaces the one before: peers that it lacks lose their unused ports after a minute.
  assert.ok(a.askRelay(keys[MAX_ASKED]!)[0]?.relay);
  for (let i = 0; i < 62; i++) {
    world.server.wait(1000);
  }
  assert.equal(world.relay.sizes.pairs, 1);
});

test('a client that many peers ask for has a port for each of them, as long as there are ports', () => {
  const ports = MAX_ASKED + 3;
  const { world, a, peers } = hub(ports + 1);
  const offers = peers.map((peer) => peer.askRelay(a.publicKey)[0]);
  assert.equal(offers.filter((entry) => entry?.relay !== undefined).length, ports);
  assert.equal(offers.at(-1)?.relayRefusal, RELAY_REFUSAL.full);
  assert.equal(world.relay.counts.full, 1);
  assert.equal(world.relay.sizes.pairs, ports);
});

test('binds draw on the rate of their source', () => {
  const world = new RelayWorld({}, { rate: 20, burst: 20 });
  const { a, offerOfA } = relayedPair(world);
  const flood = Array.from({ length: 60 }, () => ({
    from: '192.0.2.1:5',
    payload: a.makeBind({ ...offerOfA, key: new Uint8Array(16) }),
  }));
  assert.deepEqual(world.deliver(offerOfA.port, flood), []);
  assert.equal(world.relay.counts.bindsLimited, 40);
  assert.equal(a.bind(offerOfA), BINDING.bound, 'others are not affected');
});
