import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AllowList } from '../../../src/server/sealed/allow-list.js';
import { BINDING } from '../../../src/wire/relay.js';
import { RELAY_REFUSAL } from '../../../src/wire/sealed-frames.js';
import {
  connectedPair,
  FIRST_PORT,
  RelayedClient,
  RelayWorld,
  relayedPair,
  wireguard,
} from './relay-world.js';

const DATA = wireguard(4, 1456, 7);

test('a pair that wants each other gets one port, and each side credentials of its own', () => {
  const { offerOfA, offerOfB } = relayedPair();
  assert.equal(offerOfA.port, offerOfB.port);
  assert.equal(offerOfA.port, FIRST_PORT);
  assert.notEqual(offerOfA.id, offerOfB.id);
  assert.notDeepEqual(offerOfA.key, offerOfB.key);
});

test('who does not ask is pushed the port as soon as the peer asks', () => {
  const world = new RelayWorld();
  const a = new RelayedClient(world, '198.51.100.7');
  const b = new RelayedClient(world, '203.0.113.8');
  assert.ok(a.connect() && b.connect());
  b.want(a.publicKey);
  assert.deepEqual(b.askRelay(), []);
  a.want(b.publicKey);
  b.takePushes();
  const [answer] = a.askRelay(b.publicKey);
  const [push] = b.takePushes();
  assert.equal(push?.relay?.port, answer?.relay?.port);
  assert.ok(push?.relay !== undefined);
});

test('who asks before the peer is there gets the port with the peer', () => {
  const world = new RelayWorld();
  const a = new RelayedClient(world, '198.51.100.7');
  const b = new RelayedClient(world, '203.0.113.8');
  assert.ok(a.connect() && b.connect());
  a.want(b.publicKey);
  const [entry] = a.askRelay(b.publicKey);
  assert.equal(entry?.relay, undefined);
  assert.equal(entry?.relayRefusal, undefined, 'nothing is disclosed of a peer that is away');
  b.want(a.publicKey);
  assert.ok(a.takePushes()[0]?.relay);
});

test('a client that never sent a relay frame gets no word of relays', () => {
  const world = new RelayWorld();
  const a = new RelayedClient(world, '198.51.100.7');
  const b = new RelayedClient(world, '203.0.113.8');
  assert.ok(a.connect() && b.connect());
  b.want(a.publicKey);
  a.want(b.publicKey);
  a.askRelay(b.publicKey);
  assert.deepEqual(
    b.takePushes().map(({ relay }) => relay),
    [undefined],
  );
});

test('the response says whether the server relays; one that does not refuses at once', () => {
  const relaying = new RelayedClient(new RelayWorld(), '198.51.100.7');
  assert.ok(relaying.connect());
  assert.equal(relaying.status?.relays, true);
  const world = new RelayWorld({}, { relay: undefined });
  const a = new RelayedClient(world, '198.51.100.7');
  const b = new RelayedClient(world, '203.0.113.8');
  assert.ok(a.connect() && b.connect());
  assert.equal(a.status?.relays, false);
  b.want(a.publicKey);
  a.want(b.publicKey);
  assert.equal(a.askRelay(b.publicKey)[0]?.relayRefusal, RELAY_REFUSAL.noRelay);
});

test('only keys on the list may use the relay, both of a pair', () => {
  const world = new RelayWorld();
  const a = new RelayedClient(world, '198.51.100.7');
  const b = new RelayedClient(world, '203.0.113.8');
  assert.ok(a.connect() && b.connect());
  b.want(a.publicKey);
  a.want(b.publicKey);
  world.server.handler.allowRelay(new AllowList([a.publicKey]));
  assert.equal(a.askRelay(b.publicKey)[0]?.relayRefusal, RELAY_REFUSAL.notAllowed);
  world.server.handler.allowRelay(new AllowList([a.publicKey, b.publicKey]));
  assert.ok(a.askRelay(b.publicKey)[0]?.relay);
  world.server.handler.allowRelay(new AllowList([b.publicKey]));
  assert.equal(world.relay.sizes.pairs, 0, 'a pair that may not any more loses its port');
});

test('a client has no port twice, and no more peers than there are ports', () => {
  const world = new RelayWorld({ ports: 4 });
  const a = new RelayedClient(world, '198.51.100.7');
  assert.ok(a.connect());
  const peers = Array.from({ length: 5 }, (_, i) => {
    const peer = new RelayedClient(world, `203.0.113.${i + 1}`);
    assert.ok(peer.connect());
    peer.want(a.publicKey);
    return peer;
  });
  const keys = peers.map(({ publicKey }) => publicKey);
  a.want(...keys);
  const entries = a.askRelay(...keys);
  const ports = entries.map(({ relay }) => relay?.port);
  assert.equal(new Set(ports.filter(Boolean)).size, 4);
  assert.deepEqual(
    entries.filter(({ relay }) => relay === undefined).map(({ relayRefusal }) => relayRefusal),
    [RELAY_REFUSAL.full],
  );
  // One less makes room.
  a.askRelay(...keys.slice(1));
  world.server.wait(62_000);
  assert.ok(a.askRelay(...keys.slice(1)).every(({ relay }) => relay !== undefined));
});

test('both bind, each is notified when the pair is connected, and datagrams pass unchanged', () => {
  const { world, a, b, offerOfA, offerOfB } = relayedPair();
  assert.equal(a.bind(offerOfA), BINDING.bound);
  const challenge = b.answerTo(offerOfB, b.endpoint, b.makeBind(offerOfB));
  assert.equal(challenge?.state, BINDING.challenged);
  const answers = world.send(offerOfB.port, b.endpoint, b.makeBind(offerOfB, challenge.token));
  assert.deepEqual(
    answers.map(({ to, payload }) => [to, payload[12]]),
    [
      [a.endpoint, BINDING.connected],
      [b.endpoint, BINDING.connected],
    ],
  );
  for (const payload of [
    wireguard(1, 148, 1),
    wireguard(2, 92, 2),
    wireguard(3, 64, 3),
    wireguard(4, 32, 4),
    wireguard(4, 1452, 5),
    wireguard(4, 65_472, 6),
  ]) {
    assert.deepEqual(world.send(offerOfA.port, a.endpoint, payload.slice()), [
      { to: b.endpoint, payload, port: offerOfA.port },
    ]);
    assert.deepEqual(world.send(offerOfA.port, b.endpoint, payload.slice()), [
      { to: a.endpoint, payload, port: offerOfA.port },
    ]);
  }
  assert.equal(world.relay.counts.forwarded, 12);
});

test('a pair of two families is relayed between the sockets of its port', () => {
  const { world, a, b, offerOfA } = connectedPair(undefined, ['198.51.100.7', '2001:db8::8']);
  assert.deepEqual(world.send(offerOfA.port, a.endpoint, DATA.slice()), [
    { to: b.endpoint, payload: DATA, port: offerOfA.port },
  ]);
  assert.deepEqual(world.send(offerOfA.port, b.endpoint, DATA.slice()), [
    { to: a.endpoint, payload: DATA, port: offerOfA.port },
  ]);
});

test('a mixed batch stays a batch: each datagram to its side, the others dropped and counted', () => {
  const { world, a, b, offerOfA } = connectedPair();
  const foreign = wireguard(4, 31);
  const sent = world.deliver(offerOfA.port, [
    { from: a.endpoint, payload: wireguard(4, 32, 1) },
    { from: b.endpoint, payload: wireguard(4, 32, 2) },
    { from: '192.0.2.1:1', payload: wireguard(4, 32, 3) },
    { from: a.endpoint, payload: foreign },
    { from: a.endpoint, payload: wireguard(4, 32, 4) },
  ]);
  assert.deepEqual(
    sent.map(({ to, payload }) => [to, payload[31]]),
    [
      [b.endpoint, 1],
      [a.endpoint, 2],
      [b.endpoint, 4],
    ],
  );
  assert.equal(world.relay.counts.unbound, 1);
  assert.equal(world.relay.counts.foreign, 1);
});

test('nothing but WireGuard passes: type, zeros and length', () => {
  const { world, a, offerOfA } = connectedPair();
  const bad = [
    new Uint8Array(0),
    wireguard(1, 147),
    wireguard(1, 149),
    wireguard(2, 93),
    wireguard(3, 65),
    wireguard(4, 16),
    wireguard(4, 31),
    new Uint8Array(64),
    Uint8Array.from([...wireguard(4, 32)].map((byte, i) => (i === 1 ? 1 : byte))),
    Uint8Array.from([...wireguard(4, 32)].map((byte, i) => (i === 3 ? 1 : byte))),
    Uint8Array.from([...wireguard(4, 32)].map((byte, i) => (i === 0 ? 5 : byte))),
  ];
  for (const payload of bad) {
    assert.deepEqual(world.send(offerOfA.port, a.endpoint, payload), []);
  }
  assert.equal(world.relay.counts.foreign, bad.length);
  assert.deepEqual(world.send(offerOfA.port, a.endpoint, wireguard(4, 65_488)), []);
  assert.equal(world.relay.counts.oversize, 1);
});

test('nothing is sent to a side that is not bound', () => {
  const { world, a, offerOfA } = relayedPair();
  assert.equal(a.bind(offerOfA), BINDING.bound);
  assert.deepEqual(world.send(offerOfA.port, a.endpoint, DATA), []);
  assert.equal(world.relay.counts.peerUnbound, 1);
});

test('a bound source counts at the port of its pair only', () => {
  const { world, a, offerOfA } = connectedPair();
  assert.deepEqual(world.send(offerOfA.port + 1, a.endpoint, DATA), []);
  assert.equal(world.relay.counts.unbound, 1);
  assert.deepEqual(world.send(offerOfA.port + 1, a.endpoint, a.makeBind(offerOfA)), []);
  assert.equal(world.relay.counts.bindsForged, 1);
});

test('a bind without the key, of an unknown id, or repeated, is not answered', () => {
  const { world, a, b, offerOfA, offerOfB } = connectedPair();
  const refused = (bind: Uint8Array) =>
    assert.deepEqual(world.send(offerOfA.port, a.endpoint, bind), []);
  refused(a.makeBind({ ...offerOfA, key: offerOfB.key }));
  refused(b.makeBind({ ...offerOfA, id: offerOfA.id + 1 }));
  const changed = a.makeBind(offerOfA);
  changed[8]! ^= 1;
  refused(changed);
  const good = a.makeBind(offerOfA);
  assert.equal(world.send(offerOfA.port, a.endpoint, good.slice()).length, 1);
  refused(good);
  refused(a.makeBind(offerOfA, undefined, 1));
  assert.equal(world.relay.counts.bindsForged, 3);
  assert.equal(world.relay.counts.bindsRepeated, 2);
});

test('a NAT that rebinds: the new source takes over once it has answered, the old one is dropped', () => {
  const { world, a, b, offerOfA } = connectedPair();
  const moved = '198.51.100.7:40000';
  const challenge = a.answerTo(offerOfA, moved, a.makeBind(offerOfA));
  assert.equal(challenge?.state, BINDING.challenged);
  assert.deepEqual(
    world.send(offerOfA.port, b.endpoint, DATA.slice()).map(({ to }) => to),
    [a.endpoint],
    'the old source stays until the new one has answered',
  );
  assert.equal(
    a.answerTo(offerOfA, moved, a.makeBind(offerOfA, challenge.token))?.state,
    BINDING.connected,
  );
  assert.deepEqual(
    world.send(offerOfA.port, b.endpoint, DATA.slice()).map(({ to }) => to),
    [moved],
  );
  assert.deepEqual(world.send(offerOfA.port, a.endpoint, DATA.slice()), []);
  assert.equal(world.relay.sizes.bindings, 2);
});

test('a bind that is sent in the name of another address moves nothing', () => {
  const { world, a, b, offerOfA } = connectedPair();
  const victim = '192.0.2.99:9';
  // The client itself, with a forged source: it does not see the token. Or with the token of its own source.
  const own = a.answerTo(offerOfA, '198.51.100.7:40000', a.makeBind(offerOfA))!;
  for (const token of [undefined, new Uint8Array(8).fill(1), own.token]) {
    const answers = world.send(offerOfA.port, victim, a.makeBind(offerOfA, token));
    assert.deepEqual(
      answers.map(({ to, payload }) => [to, payload.length, payload[12]]),
      [[victim, 40, BINDING.challenged]],
      'not more than was received, and no datagram of the peer',
    );
  }
  assert.deepEqual(
    world.send(offerOfA.port, b.endpoint, DATA.slice()).map(({ to }) => to),
    [a.endpoint],
  );
});

test('a withheld bind that is played from elsewhere moves nothing', () => {
  const { world, a, b, offerOfA } = connectedPair();
  const withheld = a.makeBind(offerOfA);
  const [challenge] = world.send(offerOfA.port, '192.0.2.66:6', withheld);
  assert.equal(challenge?.payload[12], BINDING.challenged);
  assert.deepEqual(
    world.send(offerOfA.port, b.endpoint, DATA.slice()).map(({ to }) => to),
    [a.endpoint],
  );
});

test('a source that is taken over by another pair of the port belongs to the one who proved it last', () => {
  const world = new RelayWorld({ ports: 1 });
  const first = connectedPair(world);
  const second = relayedPair(world, ['198.51.100.99', '203.0.113.99']);
  assert.equal(second.a.bind(second.offerOfA, first.a.endpoint), BINDING.bound);
  assert.equal(second.b.bind(second.offerOfB), BINDING.connected);
  assert.deepEqual(
    world.send(FIRST_PORT, first.a.endpoint, DATA.slice()).map(({ to }) => to),
    [second.b.endpoint],
  );
  assert.deepEqual(world.send(FIRST_PORT, first.b.endpoint, DATA.slice()), []);
});

test('a token is good for one source, and for four minutes at most', () => {
  const { world, a, offerOfA } = relayedPair();
  const { token } = a.answerTo(offerOfA, a.endpoint, a.makeBind(offerOfA))!;
  world.server.now += 241_000;
  const late = a.answerTo(offerOfA, a.endpoint, a.makeBind(offerOfA, token));
  assert.equal(late?.state, BINDING.challenged);
});
