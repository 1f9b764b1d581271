import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { FRAME, SEALED_CANDIDATES_LENGTH } from '../../../src/wire/sealed-frames.js';
import { SealedRendezvous } from './sealed-rendezvous.js';
import { TestClient } from './test-client.js';

const ALICE = '198.51.100.7';
const BOB = '203.0.113.8';

/** One that waits for the other, which has a session but has said nothing yet. */
function waiting(world = new SealedRendezvous()) {
  const a = new TestClient(world, ALICE);
  const b = new TestClient(world, BOB);
  assert.ok(a.connect());
  assert.ok(b.connect());
  a.want(b.publicKey);
  return { world, a, b };
}

function move(client: TestClient, port: number): void {
  client.port = port;
  const challenge = client.exchange(client.plain(FRAME.ping));
  assert.ok(challenge?.kind === FRAME.pathChallenge);
  client.ask(client.seal((writer) => writer.token(FRAME.pathResponse, challenge.token)));
}

/** When something was sent to a client, in ms from now, while it acknowledges nothing. */
function sendTimes(world: SealedRendezvous, to: string, ms: number): number[] {
  const times = world.takeSent(to).map(() => 0);
  const start = world.now;
  while (world.now < start + ms) {
    world.wait(50);
    times.push(...world.takeSent(to).map(() => world.now - start));
  }
  return times;
}

test('a push is sent again after 0.3, 0.6, 1.2 and 2.4 s, and then no more', () => {
  const { world, a, b } = waiting();
  b.want(a.publicKey);
  assert.deepEqual(sendTimes(world, a.endpoint, 60_000), [0, 300, 900, 2100, 4500]);
  assert.equal(world.handler.counts.pushesRetried, 4);
  assert.equal(world.handler.counts.pushesGivenUp, 1);
});

test('an acknowledgement ends it; that of something else does not', () => {
  const { world, a, b } = waiting();
  b.want(a.publicKey);
  const [push] = a.takeSent();
  for (const other of [push!.counter + 1, 0, 2 ** 40]) {
    a.acknowledge(other);
  }
  b.acknowledge(push!.counter);
  world.wait(300);
  const [again] = a.takeSent();
  assert.notEqual(again?.counter, push!.counter, 'sent again as a message of its own');
  a.acknowledge(again!.counter);
  assert.deepEqual(sendTimes(world, a.endpoint, 10_000), []);
  assert.equal(world.handler.counts.pushesAcknowledged, 1);
});

test('a client that was deaf gets the present state once it is heard, one entry for each peer', () => {
  const { world, a, b } = waiting();
  b.want(a.publicKey);
  sendTimes(world, a.endpoint, 10_000);
  for (let port = 40_000; port < 40_010; port++) {
    move(b, port);
  }
  assert.deepEqual(world.takeSent(a.endpoint), [], 'nothing while it is deaf');
  a.ask(a.plain(FRAME.ping));
  const entries = a.takePushes();
  assert.equal(entries.length, 1);
  assert.equal(formatEndpoint(entries[0]!.ipv4!), b.endpoint);
});

test('changes during a push follow its acknowledgement', () => {
  const { world, a, b } = waiting();
  b.want(a.publicKey);
  const [first] = a.takeSent();
  move(b, 40_000);
  world.wait(200);
  assert.deepEqual(world.takeSent(a.endpoint), []);
  a.acknowledge(first!.counter);
  const entries = a.takePushes();
  assert.equal(entries.length, 1);
  assert.equal(formatEndpoint(entries[0]!.ipv4!), b.endpoint);
  assert.deepEqual(sendTimes(world, a.endpoint, 10_000), []);
});

test('a retransmission has the latest state', () => {
  const { world, a, b } = waiting();
  b.want(a.publicKey);
  world.takeSent(a.endpoint);
  b.ask(b.plain(FRAME.bye));
  world.wait(300);
  const [entry] = a.takePushes();
  assert.deepEqual([entry?.key, entry?.ipv4], [b.publicKey, undefined]);
});

test('a peer that is dropped is not pushed any more, and its row is free for another', () => {
  const { world, a, b } = waiting();
  b.want(a.publicKey);
  const [push] = a.takeSent();
  a.want();
  const c = new TestClient(world, '192.0.2.9');
  assert.ok(c.connect());
  a.want(c.publicKey);
  c.want(a.publicKey);
  a.acknowledge(push!.counter);
  world.takeSent();
  world.wait(300);
  assert.deepEqual(
    a.takePushes().map(({ key }) => key),
    [c.publicKey],
    'the late acknowledgement was not for it',
  );
});

test('a new session gets again what the old one did not acknowledge', () => {
  const { world, a, b } = waiting();
  b.want(a.publicKey);
  world.takeSent();
  assert.ok(a.connect());
  a.ask(a.plain(FRAME.ping));
  assert.equal(formatEndpoint(a.takePushes()[0]!.ipv4!), b.endpoint);
  assert.deepEqual(sendTimes(world, a.endpoint, 10_000), []);
});

test('repeated pushes try the other family in turn', () => {
  const { world, a, b } = waiting();
  const ipv4 = a.endpoint;
  world.wait(1000);
  a.address = '2001:db8::7';
  move(a, 51820);
  b.want(a.publicKey);
  const ipv6 = a.endpoint;
  world.wait(10_000);
  const turns = world.takeSent().filter(({ to }) => to === ipv4 || to === ipv6);
  assert.deepEqual(
    turns.map(({ to }) => to),
    [ipv6, ipv4, ipv6, ipv4, ipv6],
  );
});

test('many peers share a datagram, and one client gets so many in a turn', () => {
  const world = new SealedRendezvous({ maxClients: 3000 });
  const hub = new TestClient(world, ALICE);
  assert.ok(hub.connect());
  const peers = Array.from(
    { length: 700 },
    (_, i) => new TestClient(world, `192.0.${i >> 7}.${(i & 127) + 1}`),
  );
  for (const peer of peers) {
    assert.ok(peer.connect());
    peer.want(hub.publicKey);
  }
  // It has none of the wanted peers: all of them are updates at once.
  hub.want(...peers.map(({ publicKey }) => publicKey));
  for (const peer of peers) {
    peer.ask(peer.plain(FRAME.bye));
  }
  world.takeSent(hub.endpoint);
  assert.ok(world.handler.counts.pushes > 0);
  assert.equal(world.handler.sizes.clients, 1);
  let told = 0;
  for (let turn = 0; turn < 100 && told < 700; turn++) {
    world.wait(50);
    const sent = hub.takeSent();
    assert.ok(sent.length <= 2 * 16, 'in one turn');
    for (const { frame, counter } of sent) {
      told += frame.kind === FRAME.peers ? frame.entries.length : 0;
      hub.acknowledge(counter);
    }
  }
  assert.ok(told >= 700, `${told}`);
});

test('moves in quick succession are pushed once a second, the last one included', () => {
  const { world, a, b } = waiting();
  b.want(a.publicKey);
  a.takePushes();
  const before = world.handler.counts.pushes;
  // Two places and the tokens of both, which are good for minutes.
  const ports = [40_000, 40_001];
  const tokens = ports.map((port) => {
    b.port = port;
    const challenge = b.exchange(b.plain(FRAME.ping));
    assert.ok(challenge?.kind === FRAME.pathChallenge);
    return challenge.token;
  });
  const told: string[] = [];
  for (let round = 0; round < 400; round++) {
    b.port = ports[round % 2]!;
    const token = tokens[round % 2]!;
    const pong = b.exchange(b.seal((writer) => writer.token(FRAME.pathResponse, token)));
    assert.equal(pong?.kind, FRAME.pong);
    told.push(...a.takePushes().map(({ ipv4 }) => formatEndpoint(ipv4!)));
    world.wait(10);
    told.push(...a.takePushes().map(({ ipv4 }) => formatEndpoint(ipv4!)));
  }
  assert.equal(world.handler.counts.moves, 400);
  assert.ok(world.handler.counts.pushes - before <= 6, `${world.handler.counts.pushes}`);
  world.wait(1000);
  told.push(...a.takePushes().map(({ ipv4 }) => formatEndpoint(ipv4!)));
  assert.equal(told.at(-1), b.endpoint);
});

test('a peer that asks learns of a move at once', () => {
  const { a, b } = waiting();
  b.want(a.publicKey);
  move(b, 40_000);
  move(b, 40_001);
  assert.equal(a.find(b.publicKey), b.endpoint);
});

/** A client that many others want. */
function star(world: SealedRendezvous, size: number): TestClient {
  const center = new TestClient(world, BOB);
  assert.ok(center.connect());
  const others = Array.from({ length: size }, (_, i) => new TestClient(world, ALICE, 1000 + i));
  for (const it of others) {
    assert.ok(it.connect());
    it.want(center.publicKey);
  }
  center.want(...others.map(({ publicKey }) => publicKey));
  for (const it of others) {
    it.takePushes();
  }
  return center;
}

test('64 at a time while more is waiting to be received', () => {
  const world = new SealedRendezvous();
  const center = star(world, 128);
  const { counts } = world.handler;
  const before = counts.pushes;
  const filler = { from: '192.0.2.9', payload: new Uint8Array(1) };
  const { address: from, port } = center;
  world.deliver([{ from, port, payload: center.plain(FRAME.bye) }, ...Array(127).fill(filler)]);
  assert.equal(counts.pushes - before, 64);
  world.deliver([filler]);
  assert.equal(counts.pushes - before, 128, 'the others follow');
});

test('1024 retransmissions at a time', () => {
  const world = new SealedRendezvous({ maxClients: 3000 });
  const center = star(world, 1030);
  center.ask(center.plain(FRAME.bye));
  const { counts } = world.handler;
  world.wait(50);
  world.now += 300;
  world.handler.tick(world.now);
  assert.equal(counts.pushesRetried, 1024);
  world.handler.tick(world.now + 50);
  assert.equal(counts.pushesRetried, 1030);
});

test('16 pushes at a time to one client: clients with many updates take turns', () => {
  const world = new SealedRendezvous();
  const hubs = Array.from({ length: 5 }, (_, i) => new TestClient(world, `10.1.0.${i + 1}`));
  const peers = Array.from({ length: 300 }, (_, i) => new TestClient(world, ALICE, 1000 + i));
  for (const client of [...hubs, ...peers]) {
    assert.ok(client.connect());
  }
  for (const hub of hubs) {
    hub.want(...peers.map(({ publicKey }) => publicKey));
  }
  for (const peer of peers) {
    peer.want(...hubs.map(({ publicKey }) => publicKey));
    for (const some of [hubs.slice(0, 4), hubs.slice(4)]) {
      const candidates = peer.seal((writer) => {
        writer.begin(FRAME.candidates);
        for (const hub of some) {
          writer.addCandidates(hub.publicKey, new Uint8Array(SEALED_CANDIDATES_LENGTH));
        }
      });
      peer.ask(candidates);
    }
  }
  world.wait(10_000); // all pushes are given up: the hubs are deaf
  world.takeSent();
  const filler = { from: BOB, payload: new Uint8Array(1) };
  const pings = hubs.map((hub) => ({
    from: hub.address,
    port: hub.port,
    payload: hub.plain(FRAME.ping),
  }));
  const pushes = () => hubs.map(({ endpoint }) => world.takeSent(endpoint).length);
  world.deliver([...pings, ...Array(123).fill(filler)]);
  assert.deepEqual(pushes(), [16, 16, 16, 16, 0]);
  world.deliver(Array(128).fill(filler));
  assert.deepEqual(pushes(), [16, 16, 16, 0, 16]);
});
