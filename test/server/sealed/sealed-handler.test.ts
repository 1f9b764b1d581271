import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair } from '../../../src/sealed/key-pair.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { FRAME, SEALED_CANDIDATES_LENGTH } from '../../../src/wire/sealed-frames.js';
import { SealedRendezvous } from './sealed-rendezvous.js';
import { TestClient } from './test-client.js';

const ALICE = '198.51.100.7';
const BOB = '203.0.113.8';

function pair(world = new SealedRendezvous()) {
  const a = new TestClient(world, ALICE);
  const b = new TestClient(world, BOB);
  assert.ok(a.connect());
  assert.ok(b.connect());
  return { world, a, b };
}

test('two peers that want each other find each other; the first is pushed the second', () => {
  const { a, b } = pair();
  assert.equal(a.find(b.publicKey), undefined);
  assert.equal(b.find(a.publicKey), a.endpoint);
  const again = pair();
  again.a.want(again.b.publicKey);
  again.b.ask(again.b.listPart([again.a.publicKey]));
  const [entry] = again.a.takePushes();
  assert.deepEqual(entry?.key, again.b.publicKey);
  assert.equal(formatEndpoint(entry!.ipv4!), again.b.endpoint);
});

test('a ping is answered with where it came from', () => {
  const { a } = pair();
  const pong = a.exchange(a.plain(FRAME.ping));
  assert.ok(pong?.kind === FRAME.pong);
  assert.equal(formatEndpoint(pong.endpoint), a.endpoint);
});

test('the keys of one datagram are all answered, in several datagrams when they do not fit', () => {
  const { world, a } = pair();
  const others = Array.from({ length: 37 }, (_, i) => new TestClient(world, `192.0.2.${i + 1}`));
  for (const other of others) {
    assert.ok(other.connect());
    other.want(a.publicKey);
  }
  const entries = a.want(...others.map(({ publicKey }) => publicKey));
  assert.equal(entries.length, 37);
  for (const [i, entry] of entries.entries()) {
    assert.deepEqual(entry.key, others[i]!.publicKey);
  }
  const found = new Set(entries.map(({ ipv4 }) => ipv4 && formatEndpoint(ipv4)));
  assert.deepEqual(found, new Set(others.map((it) => it.endpoint)));
});

test('IPv6 is a path of its own, proven by a challenge', () => {
  const { a, b } = pair();
  a.want(b.publicKey);
  b.want(a.publicKey);
  a.address = '2001:db8::7';
  const challenge = a.exchange(a.plain(FRAME.ping));
  assert.ok(challenge?.kind === FRAME.pathChallenge);
  assert.equal(b.want(a.publicKey)[0]?.ipv6, undefined);
  const pong = a.exchange(a.seal((writer) => writer.token(FRAME.pathResponse, challenge.token)));
  assert.ok(pong?.kind === FRAME.pong);
  const [entry] = b.want(a.publicKey);
  assert.equal(formatEndpoint(entry!.ipv6!), a.endpoint);
  assert.equal(formatEndpoint(entry!.ipv4!), `${ALICE}:51820`);
});

test('bye ends the session, and peers get a push', () => {
  const { world, a, b } = pair();
  a.want(b.publicKey);
  b.want(a.publicKey);
  const ack = a.exchange(a.plain(FRAME.bye));
  assert.ok(ack?.kind === FRAME.serverAck);
  const [gone] = b.takePushes();
  assert.deepEqual(gone?.key, a.publicKey);
  assert.equal(gone.ipv4, undefined);
  assert.deepEqual(world.handler.sizes, { clients: 1, sessions: 1, wants: 1, candidates: 0 });
});

test('an offer is passed on to the peer it is for, once both want each other', () => {
  const { world, a, b } = pair();
  const offer = new Uint8Array(SEALED_CANDIDATES_LENGTH).fill(7);
  const send = () =>
    a.exchange(a.seal((w) => w.begin(FRAME.candidates).addCandidates(b.publicKey, offer)));
  a.want(b.publicKey);
  assert.equal(send()?.kind, FRAME.serverAck, 'what it says does not depend on the peer');
  assert.equal(world.handler.sizes.candidates, 0);
  b.want(a.publicKey);
  world.takeSent();
  send();
  assert.deepEqual(b.takePushes()[0]?.candidates, offer);
  assert.deepEqual(b.want(a.publicKey)[0]?.candidates, offer);
  b.want();
  assert.equal(world.handler.sizes.candidates, 0);
});

test('a client that sends nothing for the time to live is forgotten, and its peers get a push', () => {
  const { world, a, b } = pair(new SealedRendezvous({ ttlMs: 30_000 }));
  a.want(b.publicKey);
  b.want(a.publicKey);
  world.takeSent();
  for (let second = 0; second < 60; second += 10) {
    world.wait(10_000);
    assert.ok(b.exchange(b.plain(FRAME.ping)));
  }
  world.wait(100);
  assert.equal(world.handler.sizes.clients, 1);
  assert.equal(b.find(a.publicKey), undefined);
  world.wait(30_000);
  assert.deepEqual(world.handler.sizes, { clients: 0, sessions: 0, wants: 0, candidates: 0 });
});

test('a wish for oneself is not kept', () => {
  const { world, a } = pair();
  assert.equal(a.want(a.publicKey)[0]?.notKept, true);
  assert.equal(world.handler.sizes.wants, 0);
  a.want(generateKeyPair().publicKey);
  assert.equal(world.handler.sizes.wants, 1);
});

test('a private endpoint is disclosed to peers in private space only, a loopback one to loopback only', () => {
  const world = new SealedRendezvous();
  const at = (address: string) => {
    const client = new TestClient(world, address);
    assert.ok(client.connect());
    client.ask(client.plain(FRAME.ping));
    return client;
  };
  const places = ['127.0.0.1', '192.168.1.7', '198.51.100.7', '169.254.1.2'];
  const clients = places.map(at);
  for (const client of clients) {
    client.want(...clients.filter((it) => it !== client).map(({ publicKey }) => publicKey));
  }
  const known = clients.map((asker) =>
    clients.filter((it) => it !== asker && asker.find(it.publicKey)).map(({ address }) => address),
  );
  assert.deepEqual(known, [
    ['192.168.1.7', '198.51.100.7'],
    ['198.51.100.7'],
    [],
    ['192.168.1.7', '198.51.100.7'],
  ]);
});

test('a client that moves into private space is updated about the peers that it can reach there', () => {
  const world = new SealedRendezvous();
  const inside = new TestClient(world, '192.168.1.7');
  const roaming = new TestClient(world, ALICE);
  for (const client of [inside, roaming]) {
    assert.ok(client.connect());
  }
  inside.want(roaming.publicKey);
  assert.equal(roaming.want(inside.publicKey)[0]?.ipv4, undefined);
  world.takeSent();
  roaming.address = '192.168.1.8';
  const challenge = roaming.exchange(roaming.plain(FRAME.ping));
  assert.ok(challenge?.kind === FRAME.pathChallenge);
  roaming.exchange(roaming.seal((writer) => writer.token(FRAME.pathResponse, challenge.token)));
  assert.equal(formatEndpoint(roaming.takePushes()[0]!.ipv4!), inside.endpoint);
});
