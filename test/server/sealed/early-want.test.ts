/** A want list in an initiation: what it registers, for whom, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COOKIE_SECRET_MS } from '../../../src/sealed/cookie-checker.js';
import { writeMac2 } from '../../../src/sealed/mac.js';
import { AllowList } from '../../../src/server/sealed/allow-list.js';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import type { PublicKey } from '../../../src/wire/key.js';
import { MESSAGE, MESSAGE_LENGTH } from '../../../src/wire/sealed.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { STATUS } from '../../../src/wire/sealed-response.js';
import { SealedRendezvous } from './sealed-rendezvous.js';
import { TestClient } from './test-client.js';

const ALICE = '198.51.100.7';
const BOB = '203.0.113.8';
const MALLORY = '192.0.2.66';
const CONFIRM_MS = 10_000;

/** Bob waits for Alice, who has not begun. */
function waiting(world = new SealedRendezvous()) {
  const a = new TestClient(world, ALICE);
  const b = new TestClient(world, BOB);
  assert.ok(b.connect());
  b.want(a.publicKey);
  return { world, a, b };
}

/** Plays a client's initiation from another place, with that place's cookie. */
function play(thief: TestClient, initiation: Uint8Array): Uint8Array | undefined {
  thief.getCookie();
  const played = initiation.slice();
  writeMac2(played, 0, played.length, thief.cookie!);
  return thief.ask(played);
}

/** The endpoints that are pushed to a client, in order; undefined for a peer that is gone. */
function told(client: TestClient): (string | undefined)[] {
  return client.takePushes().map(({ ipv4 }) => ipv4 && formatEndpoint(ipv4));
}

test('an early want list is answered after the response, and the waiting peer is informed in the same turn', () => {
  const { world, a, b } = waiting();
  a.getCookie();
  assert.equal(a.ask(a.makeEarly([b.publicKey])), undefined, 'nothing in place');
  const sent = world.takeSent();
  assert.deepEqual(
    sent.map(({ to, payload }) => [to, payload[3]]),
    [
      [a.endpoint, MESSAGE.response],
      [a.endpoint, MESSAGE.data],
      [b.endpoint, MESSAGE.data],
    ],
  );
  assert.ok(a.accept(sent[0]!.payload));
  assert.equal(a.status?.tookWant, true);
  assert.equal(formatEndpoint(a.status.observed!), a.endpoint);
  const frame = a.open(sent[1]!.payload);
  assert.ok(frame?.kind === FRAME.peers && !frame.push);
  assert.equal(frame.counter, 2 ** 32);
  assert.equal(formatEndpoint(frame.entries[0]!.ipv4!), b.endpoint);
  const push = b.open(sent[2]!.payload);
  assert.ok(push?.kind === FRAME.peers && push.push);
  assert.equal(formatEndpoint(push.entries[0]!.ipv4!), a.endpoint);
});

test('an early want list of 33 keys with all that can be known of them is answered in full', () => {
  const world = new SealedRendezvous();
  const a = new TestClient(world, ALICE);
  const peers = Array.from({ length: 33 }, (_, i) => new TestClient(world, BOB, 1000 + i));
  for (const peer of peers) {
    assert.ok(peer.connectEarly(a.publicKey));
    peer.ask(peer.plain(FRAME.ping));
  }
  const keys = peers.map(({ publicKey }) => publicKey);
  const entries = a.connectEarly(...keys)!;
  assert.deepEqual(
    entries.map(({ key, ipv4 }) => [key, formatEndpoint(ipv4!)]),
    peers.map((peer) => [peer.publicKey, peer.endpoint]),
  );
  for (const peer of peers) {
    assert.deepEqual(told(peer), [a.endpoint]);
  }
  assert.ok(world.captured.every(({ length }) => length <= 1232));
});

test('an early registration ends after 10 s without data, and peers are informed', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  assert.deepEqual(told(b), [a.endpoint]);
  world.wait(CONFIRM_MS - 100);
  assert.equal(b.find(a.publicKey), a.endpoint);
  world.wait(200);
  assert.deepEqual(told(b), [undefined]);
  assert.equal(b.find(a.publicKey), undefined);
  assert.deepEqual(world.handler.sizes, { clients: 1, sessions: 1, wants: 1, candidates: 0 });
  assert.equal(a.ask(a.plain(FRAME.ping))?.[3], MESSAGE.notice);
});

test('an early registration stays with the first data message, which takes nothing else to count', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  world.wait(CONFIRM_MS - 100);
  assert.equal(a.exchange(a.plain(FRAME.ping))?.kind, FRAME.pong);
  assert.equal(world.handler.counts.confirmed, 2);
  world.wait(170_000);
  assert.equal(b.find(a.publicKey), a.endpoint);
  assert.equal(a.exchange(a.plain(FRAME.ping))?.kind, FRAME.pong);
});

test('property 1: an initiation that is played from elsewhere registers nothing', () => {
  const { world, a, b } = waiting();
  const mallory = new TestClient(world, MALLORY);
  a.getCookie();
  // Captured before it arrived: nothing else distinguishes it from a new one.
  const reply = play(mallory, a.makeEarly([b.publicKey]));
  assert.equal(reply?.length, MESSAGE_LENGTH.response);
  assert.ok(a.accept(reply));
  assert.equal(a.status?.tookWant, false);
  assert.deepEqual(told(b), []);
  assert.equal(b.find(a.publicKey), undefined);
  assert.equal(world.handler.counts.earlyWants, 0);
  // The client itself repeats it with a new one, and is registered where it is.
  const [entry] = a.connectEarly(b.publicKey)!;
  assert.equal(formatEndpoint(entry!.ipv4!), b.endpoint);
  assert.equal(b.find(a.publicKey), a.endpoint);
});

test('property 1: a cookie of another place, or none that is valid, registers nothing', () => {
  const { world, a, b } = waiting();
  const neighbour = new TestClient(world, ALICE, 4444);
  neighbour.getCookie();
  a.getCookie();
  for (const inside of [neighbour.cookie!, new Uint8Array(16)]) {
    assert.equal(a.takeEarlyAnswer(a.ask(a.makeEarly([b.publicKey], inside))), undefined);
    assert.equal(a.status?.status, STATUS.welcome);
    assert.equal(b.find(a.publicKey), undefined);
  }
  // The session is one like any other: its first data registers, and brings the list.
  assert.equal(a.find(b.publicKey), b.endpoint);
  assert.equal(b.find(a.publicKey), a.endpoint);
});

test('property 2: an early want list learns nothing of a peer that does not want the client', () => {
  const { world, b } = waiting();
  const nosy = new TestClient(world, MALLORY);
  const nobody = new TestClient(world, MALLORY);
  const entries = nosy.connectEarly(b.publicKey, nobody.publicKey)!;
  assert.deepEqual(
    entries.map(({ key, ...rest }) => rest),
    Array(2).fill({ ipv4: undefined, ipv6: undefined, candidates: undefined, notKept: false }),
  );
  assert.deepEqual(told(b), []);
});

test('property 2: an early want list takes back consent as any complete list', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  a.ask(a.plain(FRAME.ping));
  assert.equal(b.find(a.publicKey), a.endpoint);
  const again = new TestClient(world, ALICE, 51820, a.keys);
  assert.ok(again.connectEarly(new TestClient(world, MALLORY).publicKey));
  assert.equal(b.find(a.publicKey), undefined);
});

test('property 2: of an early list in parts the rest follows, and only the last part ends the list before', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  a.ask(a.plain(FRAME.ping));
  const again = new TestClient(world, ALICE, 51820, a.keys);
  const other = new TestClient(world, MALLORY).publicKey;
  again.getCookie();
  const reply = again.ask(again.makeEarly([other], again.cookie, 2));
  assert.equal(again.takeEarlyAnswer(reply)?.length, 1);
  assert.equal(b.find(a.publicKey), a.endpoint, 'not yet complete');
  assert.ok(again.exchange(again.listPart([], 1, 0, 2)), 'a repeated part is answered');
  assert.ok(again.exchange(again.listPart([], 1, 1, 2)));
  assert.equal(b.find(a.publicKey), undefined);
});

test('property 3: an early want list shows nothing of its keys on the wire', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  for (const datagram of world.captured) {
    for (const secret of [a.publicKey, b.publicKey, a.cookie!]) {
      const at = Buffer.from(datagram).indexOf(secret);
      assert.ok(at === -1 || (secret === a.cookie && datagram[3] === MESSAGE.cookie));
    }
  }
});

test('property 4: an early initiation that is repeated, or comes late, changes nothing', () => {
  const { world, a, b } = waiting();
  a.getCookie();
  const held = a.makeEarly([]);
  const latest = a.makeEarly([b.publicKey]);
  assert.ok(a.takeEarlyAnswer(a.ask(latest)));
  a.ask(a.plain(FRAME.ping));
  world.takeSent();
  const { opened, welcomed, diffieHellman } = world.handler.counts;
  const sizes = world.handler.sizes;
  assert.equal(a.ask(latest), undefined);
  const stale = a.ask(held);
  assert.equal(stale?.length, MESSAGE_LENGTH.response, 'a refusal, in place');
  assert.deepEqual(world.takeSent(), []);
  assert.deepEqual(world.handler.sizes, sizes);
  assert.equal(world.handler.counts.staleTimestamp, 1);
  assert.equal(world.handler.counts.opened, opened);
  assert.equal(world.handler.counts.welcomed, welcomed);
  assert.equal(world.handler.counts.diffieHellman, diffieHellman + 4, 'of the one held back');
  assert.equal(b.find(a.publicKey), a.endpoint, 'the list is the latest');
});

test('property 4: an early initiation is not repeated once the client has left', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  const { initiation } = a;
  a.ask(a.plain(FRAME.bye));
  for (let passed = 0; passed < 2 * COOKIE_SECRET_MS; passed += 20_000) {
    b.ask(b.plain(FRAME.ping));
    const reply = a.ask(initiation);
    assert.ok(reply === undefined || reply.length === MESSAGE_LENGTH.cookie);
    assert.equal(b.find(a.publicKey), undefined);
    world.wait(20_000);
  }
});

test('property 4: one that was held back until the client is gone registers for 10 s at most, once', () => {
  const { world, a, b } = waiting();
  a.getCookie();
  const held = a.makeEarly([b.publicKey]);
  world.wait(100_000);
  a.ask(held);
  assert.equal(b.find(a.publicKey), a.endpoint);
  world.wait(CONFIRM_MS + 100);
  assert.equal(b.find(a.publicKey), undefined);
  assert.equal(a.ask(held), undefined);
  b.ask(b.plain(FRAME.ping));
  world.wait(140_000);
  b.ask(b.plain(FRAME.ping));
  assert.equal(a.ask(held)?.length, MESSAGE_LENGTH.cookie, 'its cookie is too old');
  assert.equal(b.find(a.publicKey), undefined);
});

test('property 4: a list of the session before counts no more once there is an early one', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  a.ask(a.plain(FRAME.ping));
  const late = a.listPart([], 100);
  const again = new TestClient(world, ALICE, 51820, a.keys);
  assert.ok(again.connectEarly(b.publicKey));
  assert.equal(a.ask(late), undefined);
  assert.equal(world.handler.counts.lateChanges, 1);
  assert.equal(b.find(a.publicKey), a.endpoint);
});

test('property 5: without a cookie an initiation with a want list gets a cookie, and nothing is kept', () => {
  const world = new SealedRendezvous();
  const client = new TestClient(world, ALICE);
  const keys: PublicKey[] = Array.from({ length: 33 }, () => client.publicKey);
  for (const cookie of [undefined, new Uint8Array(16).fill(7)]) {
    client.cookie = cookie;
    const initiation = client.makeEarly(keys, new Uint8Array(16));
    assert.equal(initiation.length, 1232);
    assert.equal(client.ask(initiation)?.length, MESSAGE_LENGTH.cookie);
  }
  assert.deepEqual(world.takeSent(), []);
  assert.deepEqual(world.handler.sizes, { clients: 0, sessions: 0, wants: 0, candidates: 0 });
  assert.equal(world.handler.counts.diffieHellman, 0);
});

test('property 5: what goes to a place that an initiation was played from is no larger than it', () => {
  const { world, a, b } = waiting();
  const mallory = new TestClient(world, MALLORY);
  a.getCookie();
  const initiation = a.makeEarly([b.publicKey]);
  const reply = play(mallory, initiation);
  assert.ok((reply?.length ?? 0) < initiation.length);
  assert.deepEqual(world.takeSent(mallory.endpoint), []);
});

test('a client that restarts elsewhere is registered there at once, and nowhere if it is silent', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  a.ask(a.plain(FRAME.ping));
  told(b);
  world.wait(2000);
  const again = new TestClient(world, ALICE, 40_000, a.keys);
  assert.ok(again.connectEarly(b.publicKey));
  assert.deepEqual(told(b), [again.endpoint]);
  world.wait(CONFIRM_MS + 100);
  assert.deepEqual(told(b), [undefined]);
});

test('a client that restarts at the same address keeps its registration although it is silent', () => {
  const { world, a, b } = waiting();
  assert.ok(a.connectEarly(b.publicKey));
  a.ask(a.plain(FRAME.ping));
  const again = new TestClient(world, ALICE, 51820, a.keys);
  assert.ok(again.connectEarly(b.publicKey));
  world.wait(CONFIRM_MS + 100);
  assert.equal(b.find(a.publicKey), a.endpoint);
  // As long as it would without the handshake, which shows nothing about later.
  b.ask(b.plain(FRAME.ping));
  world.wait(160_000);
  b.ask(b.plain(FRAME.ping));
  world.wait(15_000);
  assert.equal(b.find(a.publicKey), undefined);
});

test('a client whose response was lost is registered again by its next initiation', () => {
  const { world, a, b } = waiting();
  a.getCookie();
  for (let i = 0; i < 10; i++) {
    a.ask(a.makeEarly([b.publicKey]));
    world.wait(5000);
    assert.equal(b.find(a.publicKey), a.endpoint);
  }
  assert.ok(world.handler.sizes.sessions <= 3, 'two of one client');
  world.takeSent();
  assert.ok(a.takeEarlyAnswer(a.ask(a.makeEarly([b.publicKey]))));
});

test('what the server refuses is not registered, and its list is not taken', () => {
  const { world, a, b } = waiting();
  world.handler.allowOnly(new AllowList([b.publicKey]));
  assert.equal(a.connectEarly(b.publicKey), undefined);
  assert.equal(a.status?.status, STATUS.notAllowed);
  assert.equal(a.status?.tookWant, false);
  world.handler.allowOnly(new AllowList([a.publicKey, b.publicKey]));
  const full = new SealedRendezvous({ maxClients: 1, sourceShare: 1 });
  const [first, second] = [new TestClient(full, ALICE), new TestClient(full, BOB)];
  assert.ok(first.connectEarly());
  assert.equal(second.connectEarly(first.publicKey), undefined);
  assert.equal(second.status?.status, STATUS.full);
  assert.deepEqual(told(b), []);
});

test('with --sealed-only an early want list needs the server key, and is taken then', () => {
  const { world, a, b } = waiting(new SealedRendezvous({ only: true }));
  assert.ok(a.connectEarly(b.publicKey));
  assert.equal(b.find(a.publicKey), a.endpoint);
  const stranger = new TestClient(new SealedRendezvous(), MALLORY);
  stranger.cookie = new Uint8Array(16);
  assert.equal(world.ask(MALLORY, 51820, stranger.makeEarly([b.publicKey])), undefined);
});

test('an early want list counts against the rate of its client', () => {
  const { world, a, b } = waiting(new SealedRendezvous({ clientRate: 1 }));
  assert.ok(a.connectEarly(b.publicKey));
  assert.ok(a.exchange(a.plain(FRAME.ping)));
  const again = new TestClient(world, ALICE, 51820, a.keys);
  assert.equal(again.connectEarly(b.publicKey), undefined, 'both of its messages are spent');
  assert.equal(again.status?.status, STATUS.welcome);
  world.wait(1100);
  assert.ok(again.connectEarly(b.publicKey));
});

test('an early want list that is malformed is not answered, and the session is good', () => {
  const { a, b } = waiting();
  a.getCookie();
  const entries = a.takeEarlyAnswer(a.ask(a.makeEarly([b.publicKey], a.cookie, 0)));
  assert.deepEqual(entries, []);
  assert.equal(a.exchange(a.plain(FRAME.ping))?.kind, FRAME.pong);
});
