import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Source } from '../../../src/limits/source.js';
import { COOKIE_SECRET_MS } from '../../../src/sealed/cookie-checker.js';
import { writeMac2 } from '../../../src/sealed/mac.js';
import { parseAllowList } from '../../../src/server/sealed/allow-list.js';
import type { ClientRecord } from '../../../src/server/sealed/client-record.js';
import { Directory } from '../../../src/server/sealed/directory.js';
import { type PublicKey, publicKey } from '../../../src/wire/key.js';
import { MESSAGE } from '../../../src/wire/sealed.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { STATUS } from '../../../src/wire/sealed-response.js';
import { key } from '../requests.js';
import { SealedRendezvous } from './sealed-rendezvous.js';
import { TestClient } from './test-client.js';

const ALICE = '198.51.100.7';
const BOB = '203.0.113.8';

function connected(world: SealedRendezvous, address = ALICE, port = 51820): TestClient {
  const client = new TestClient(world, address, port);
  assert.ok(client.connect());
  client.ask(client.plain(FRAME.ping));
  return client;
}

function batchFrom(from: string, payload: Uint8Array, count: number) {
  return Array.from({ length: count }, () => ({ from, payload }));
}

/** A message that names the client's session and fails authentication. */
function forgedBy(client: TestClient): Uint8Array {
  const forged = client.plain(FRAME.ping);
  forged[forged.length - 1]! ^= 1;
  return forged;
}

function allow(...keys: PublicKey[]) {
  return parseAllowList(keys.map((it) => Buffer.from(it).toString('base64')).join('\n'));
}

test('wanted peers beyond the limit are answered as not kept', () => {
  const world = new SealedRendezvous({ maxWanted: 3 });
  const client = connected(world);
  const entries = client.want(...[1, 2, 3, 4, 5].map((n) => key(n)));
  assert.deepEqual(
    entries.map(({ notKept }) => notKept),
    [false, false, false, true, true],
  );
  assert.equal(client.status?.maxWanted, 3);
  const next = client.want(key(2), key(3), key(4));
  assert.ok(
    next.every(({ notKept }) => !notKept),
    'what the new list lacks made room first',
  );
  assert.equal(world.handler.sizes.wants, 3);
  assert.equal(world.handler.counts.wantsRefused, 2);
});

test('one source fills half of the room for clients; then a lighter one still finds some', () => {
  const world = new SealedRendezvous({ maxClients: 100 });
  for (let port = 1; port <= 50; port++) {
    connected(world, ALICE, port);
  }
  const refused = new TestClient(world, ALICE, 51);
  assert.equal(refused.connect(), false);
  assert.equal(refused.status?.status, STATUS.full);
  connected(world, BOB);
  assert.equal(world.handler.sizes.clients, 51);
  world.wait(200_000);
  assert.equal(world.handler.sizes.clients, 0, 'and nothing stays');
});

test('sessions that are never confirmed go after 10 s, and their clients with them', () => {
  const world = new SealedRendezvous();
  const client = new TestClient(world, ALICE);
  for (let i = 0; i < 20; i++) {
    assert.ok(client.connect());
  }
  assert.equal(world.handler.sizes.sessions, 1, 'each takes the place of the one before');
  world.wait(9900);
  assert.equal(world.handler.sizes.sessions, 1);
  world.wait(200);
  assert.deepEqual(world.handler.sizes, { clients: 0, sessions: 0, wants: 0, candidates: 0 });
});

test('a client has three sessions at most; the old one ends 10 s after the new one took over', () => {
  const world = new SealedRendezvous();
  const client = connected(world);
  const old = { transport: client.transport, remoteIndex: client.remoteIndex };
  assert.ok(client.connect());
  client.ask(client.plain(FRAME.ping));
  assert.ok(client.connect());
  assert.equal(world.handler.sizes.sessions, 3);
  world.wait(10_100);
  assert.equal(world.handler.sizes.sessions, 1);
  Object.assign(client, old);
  assert.equal(client.ask(client.plain(FRAME.ping))?.[3], MESSAGE.notice);
});

test('a session is over after 900 s', () => {
  const world = new SealedRendezvous();
  const client = connected(world);
  for (let at = 0; at < 880_000; at += 40_000) {
    world.wait(40_000);
    assert.ok(client.exchange(client.plain(FRAME.ping)));
  }
  world.wait(30_000);
  assert.equal(client.ask(client.plain(FRAME.ping))?.[3], MESSAGE.notice);
  assert.equal(world.handler.sizes.sessions, 0);
});

test('a client that sends too much is left without answers; another is not', () => {
  const world = new SealedRendezvous({ clientRate: 100 });
  const [a, b] = [connected(world), connected(world, BOB)];
  world.wait(2000);
  let answers = 0;
  for (let i = 0; i < 1000; i++) {
    answers += a.ask(a.plain(FRAME.ping)) === undefined ? 0 : 1;
  }
  assert.equal(answers, 200);
  assert.equal(world.handler.counts.clientLimited, 800);
  assert.ok(b.ask(b.plain(FRAME.ping)));
  world.wait(1000);
  assert.ok(a.ask(a.plain(FRAME.ping)));
});

test('a source may begin so many handshakes; each costs Diffie-Hellman only if it may', () => {
  const world = new SealedRendezvous({ handshakeRate: 10 });
  const client = new TestClient(world, ALICE);
  client.getCookie();
  for (let i = 0; i < 60; i++) {
    client.ask(client.makeInitiation());
  }
  const { counts } = world.handler;
  assert.equal(counts.welcomed, 50);
  assert.equal(counts.handshakesLimited, 10);
  assert.equal(counts.diffieHellman, 4 * 50);
  assert.ok(new TestClient(world, BOB).connect());
});

test('the rate of a source holds for both protocols together', () => {
  const world = new SealedRendezvous({ rate: 10, burst: 10 });
  const stranger = new TestClient(new SealedRendezvous(), ALICE);
  const flood = batchFrom(ALICE, stranger.makeInitiation(), 30);
  assert.equal(world.deliver(flood).filter((reply) => reply !== undefined).length, 10);
  assert.equal(world.admission.counts.limited, 20);
  assert.equal(world.ask(ALICE, 1, new Uint8Array(64).fill(1)), undefined);
});

test('a flood from a forged address does not lock out the sealed client of that address', () => {
  const world = new SealedRendezvous({ rate: 10, burst: 10 });
  const client = connected(world);
  world.deliver(batchFrom(ALICE, new Uint8Array(64).fill(1), 100));
  assert.ok(world.admission.counts.limited >= 90);
  assert.equal(client.exchange(client.plain(FRAME.ping))?.kind, FRAME.pong);
  const noSession = client.plain(FRAME.ping);
  noSession[4]! ^= 1;
  world.deliver(batchFrom(ALICE, noSession, 100));
  assert.equal(client.exchange(client.plain(FRAME.ping))?.kind, FRAME.pong);
});

test('data from port 0 is dropped as malformed, also when it names a session', () => {
  const world = new SealedRendezvous();
  const client = connected(world);
  const { opened } = world.handler.counts;
  assert.equal(world.ask(ALICE, 0, client.plain(FRAME.ping)), undefined);
  assert.equal(world.ask(ALICE, 0, client.makeInitiation()), undefined);
  assert.equal(world.admission.counts.malformed, 2);
  assert.equal(world.handler.counts.opened, opened);
  assert.ok(client.exchange(client.plain(FRAME.ping)));
});

/** A full batch of forged messages is 128. */
const BATCH = 128;

test('forged data from a foreign source draws on its rate, also within one full batch', () => {
  const world = new SealedRendezvous({ rate: 10, burst: 10 });
  const client = connected(world);
  world.deliver(batchFrom(BOB, forgedBy(client), BATCH));
  assert.equal(world.handler.counts.rejected, 10);
  assert.equal(world.admission.counts.limited, BATCH - 10);
  assert.equal(client.exchange(client.plain(FRAME.ping))?.kind, FRAME.pong, 'from elsewhere');
});

test('forged data from the path of a session: 256 messages, then the rate of the source', () => {
  const world = new SealedRendezvous({ rate: 10, burst: 10 });
  const client = connected(world);
  const neighbour = connected(world, ALICE, 7);
  world.wait(1000);
  const { counts } = world.handler;
  for (let i = 0; i < 5; i++) {
    world.deliver(batchFrom(ALICE, forgedBy(client), BATCH));
  }
  assert.equal(counts.rejected, 256 + 10);
  assert.equal(world.admission.counts.limited, 5 * BATCH - 266);
  assert.equal(neighbour.exchange(neighbour.plain(FRAME.ping))?.kind, FRAME.pong, 'another path');
  world.wait(1000);
  assert.equal(client.exchange(client.plain(FRAME.ping))?.kind, FRAME.pong, 'after a while');
});

test('forged data in the name of a victim that names a session of the forger costs the victim nothing', () => {
  const world = new SealedRendezvous({ rate: 10, burst: 10 });
  const victim = connected(world);
  const forger = connected(world, BOB);
  world.wait(1000);
  for (let i = 0; i < 5; i++) {
    world.deliver(batchFrom(ALICE, forgedBy(forger), BATCH));
    assert.equal(victim.exchange(victim.plain(FRAME.ping))?.kind, FRAME.pong);
  }
  assert.equal(world.handler.counts.rejected, 10);
});

test('data that opens costs its source nothing, from wherever it comes', () => {
  const world = new SealedRendezvous({ rate: 10, burst: 10 });
  const client = connected(world);
  client.address = BOB;
  for (let i = 0; i < 100; i++) {
    assert.equal(client.exchange(client.plain(FRAME.ping))?.kind, FRAME.pathChallenge);
  }
  client.address = ALICE;
  for (let i = 0; i < 1000; i++) {
    assert.equal(client.exchange(client.plain(FRAME.ping))?.kind, FRAME.pong);
  }
  assert.equal(world.admission.counts.limited, 0);
});

test('a repeated initiation costs neither Diffie-Hellman nor the rate of its source', () => {
  const world = new SealedRendezvous({ handshakeRate: 1 });
  const client = new TestClient(world, ALICE);
  const { counts } = world.handler;
  client.getCookie();
  const initiation = client.makeInitiation();
  assert.ok(client.accept(client.ask(initiation.slice())));
  const before = counts.diffieHellman;
  for (let i = 0; i < 100; i++) {
    assert.equal(client.ask(initiation.slice()), undefined);
  }
  world.wait(COOKIE_SECRET_MS);
  assert.equal(client.ask(initiation.slice()), undefined);
  assert.equal(counts.handshakesRepeated, 101);
  assert.equal(counts.diffieHellman, before);
  client.getCookie();
  for (let i = 0; i < 4; i++) {
    assert.ok(client.accept(client.ask(client.makeInitiation())), 'the burst of five is whole');
  }
});

test('an initiation repeated with MACs of another source costs no Diffie-Hellman either', () => {
  const world = new SealedRendezvous();
  const client = new TestClient(world, ALICE);
  client.getCookie();
  const initiation = client.makeInitiation();
  assert.ok(client.accept(client.ask(initiation.slice())));
  const before = world.handler.counts.diffieHellman;
  const replayer = new TestClient(world, BOB);
  replayer.getCookie();
  writeMac2(initiation, 0, initiation.length, replayer.cookie!);
  assert.equal(replayer.ask(initiation), undefined);
  assert.equal(world.handler.counts.handshakesRepeated, 1);
  assert.equal(world.handler.counts.diffieHellman, before);
});

test('only keys on the allow list may register, and a client taken off it is forgotten at once', () => {
  const world = new SealedRendezvous({ allow: allow(key(1)) });
  const a = new TestClient(world, ALICE);
  assert.equal(a.connect(), false);
  assert.equal(a.status?.status, STATUS.notAllowed);
  assert.equal(world.handler.sizes.clients, 0);
  const b = new TestClient(world, BOB);
  world.handler.allowOnly(allow(a.publicKey, b.publicKey));
  for (const client of [a, b]) {
    assert.ok(client.connect());
  }
  a.want(b.publicKey);
  b.want(a.publicKey);
  a.takePushes();
  world.handler.allowOnly(allow(a.publicKey));
  world.wait(50);
  assert.deepEqual(a.takePushes()[0]?.ipv4, undefined);
  assert.equal(world.handler.sizes.clients, 1);
  assert.equal(b.ask(b.plain(FRAME.ping))?.[3], MESSAGE.notice);
});

test('a sealed-only server is silent to senders that do not know its key', () => {
  const world = new SealedRendezvous({ only: true });
  const client = connected(world);
  const stranger = new TestClient(new SealedRendezvous(), BOB);
  assert.equal(world.ask(BOB, 1, stranger.makeInitiation()), undefined);
  assert.equal(world.ask(BOB, 1, new Uint8Array(64).fill(1)), undefined);
  const data = client.plain(FRAME.ping);
  data[4]! ^= 1; // another session
  assert.equal(world.ask(BOB, 1, data), undefined);
  const { counts } = world.handler;
  assert.deepEqual([counts.wrongKey, counts.classicDropped, counts.unknownSession], [1, 1, 1]);
  assert.ok(client.ask(client.plain(FRAME.ping)));
});

test('in a flood of handshakes each turn has a few, and known clients are served', () => {
  const world = new SealedRendezvous();
  const known = connected(world);
  world.handshakeCostMs = 0.2;
  const flooders = floodersOf(world, 127);
  const { counts } = world.handler;
  let before = counts.diffieHellman;
  const tookMs = () => {
    const took = ((counts.diffieHellman - before) / 4) * world.handshakeCostMs;
    before = counts.diffieHellman;
    return took;
  };
  for (let round = 0; round < 10; round++) {
    const ping = { from: known.address, port: known.port, payload: known.plain(FRAME.ping) };
    const replies = world.deliver([...flooders.map(initiationFrom), ping]);
    assert.ok(known.open(replies.at(-1))?.kind === FRAME.pong);
    assert.ok(tookMs() < 5.3, 'with a look at the sockets');
    world.handler.work(world.now);
    const took = tookMs();
    assert.ok(took > 4.7 && took < 5.3, `${took} ms between two looks`);
    world.now += 10;
  }
  assert.ok(counts.handshakesDeferred > 500, 'what waits is bounded');
  world.wait(1000);
  assert.equal(world.handler.isBusy, false);
  const { handshakesDeferred, welcomed } = counts;
  for (const flooder of flooders) {
    assert.ok(flooder.accept(flooder.ask(flooder.makeInitiation())), 'at once, without a flood');
  }
  assert.equal(counts.handshakesDeferred, handshakesDeferred);
  assert.equal(counts.welcomed, welcomed + flooders.length);
});

test('an initiation that waited is answered where it came from', () => {
  const world = new SealedRendezvous();
  world.handshakeCostMs = 5;
  const flooders = floodersOf(world, 10);
  const replies = world.deliver(flooders.map(initiationFrom));
  assert.deepEqual(
    replies.map((reply) => reply !== undefined),
    flooders.map((_, i) => i === 0),
  );
  for (const flooder of flooders.slice(1)) {
    assert.deepEqual(world.takeSent(), []);
    world.handler.work(world.now);
    const [sent] = world.takeSent(`${flooder.address}:${flooder.port}`);
    assert.ok(flooder.accept(sent?.payload));
  }
  assert.equal(world.handler.isBusy, false);
});

test('an initiation that waited longer than its client does costs no Diffie-Hellman', () => {
  const world = new SealedRendezvous();
  world.handshakeCostMs = 5;
  world.deliver(floodersOf(world, 10).map(initiationFrom));
  const { counts } = world.handler;
  const before = counts.diffieHellman;
  world.now += 300;
  world.handler.work(world.now);
  assert.equal(counts.diffieHellman, before);
  assert.equal(counts.handshakesDeferred, 9);
});

test('a handshake that is put off costs its source nothing', () => {
  const world = new SealedRendezvous({ handshakeRate: 10 });
  const client = new TestClient(world, ALICE);
  client.getCookie();
  const flooders = floodersOf(world, 128);
  world.handshakeCostMs = 5; // there is no time left after the first
  for (let batch = 0; batch < 3; batch++) {
    world.deliver(flooders.map(initiationFrom));
  }
  const { counts } = world.handler;
  const full = Array.from({ length: 128 }, () => initiationFrom(client));
  const before = counts.handshakesDeferred;
  world.deliver(full);
  assert.equal(counts.handshakesDeferred, before + 128);
  world.handshakeCostMs = 0;
  world.handler.work(world.now);
  assert.equal(world.handler.isBusy, false);
  const { welcomed } = counts;
  for (let i = 0; i < 50; i++) {
    client.ask(client.makeInitiation());
  }
  assert.equal(counts.handshakesLimited, 0);
  assert.equal(counts.welcomed, welcomed + 50);
});

/** Clients of other addresses, with cookies. */
function floodersOf(world: SealedRendezvous, count: number): TestClient[] {
  const flooders = Array.from(
    { length: count },
    (_, i) => new TestClient(world, `192.0.2.${i + 1}`),
  );
  for (const flooder of flooders) {
    flooder.getCookie();
  }
  return flooders;
}

function initiationFrom(client: TestClient) {
  return { from: client.address, port: client.port, payload: client.makeInitiation() };
}

test('candidates are kept for clients that want each other, and no others', () => {
  const world = new SealedRendezvous();
  const client = connected(world);
  const peer = connected(world, BOB);
  const offer = new Uint8Array(88);
  client.want(key(1), peer.publicKey);
  const frame = (to: PublicKey) =>
    client.seal((writer) => writer.begin(FRAME.candidates).addCandidates(to, offer));
  for (const to of [key(1), key(2), peer.publicKey]) {
    assert.equal(client.exchange(frame(to))?.kind, FRAME.serverAck);
  }
  assert.equal(world.handler.sizes.candidates, 0);
  peer.want(client.publicKey);
  client.exchange(frame(peer.publicKey));
  client.exchange(frame(peer.publicKey));
  assert.equal(world.handler.sizes.candidates, 1);
});

test('a want list of more parts than the server allows is malformed', () => {
  const world = new SealedRendezvous({ maxWanted: 38 });
  const client = connected(world);
  assert.ok(client.exchange(client.listPart([key(1)], 1, 1, 2)));
  assert.equal(client.ask(client.listPart([key(1)], 2, 0, 3)), undefined);
  assert.equal(client.ask(client.listPart([key(1)], 2, 2, 2)), undefined, 'part 2 of 0 and 1');
  assert.equal(client.ask(client.listPart([key(1)], 2, 0, 0)), undefined);
  assert.equal(client.ask(client.listPart([key(1)], 0, 0, 1)), undefined, 'versions begin at 1');
  assert.equal(client.ask(client.listPart([key(1)], 1, 0, 1)), undefined, 'it had two parts');
  assert.equal(world.handler.counts.malformedFrames, 5);
  assert.equal(world.handler.sizes.wants, 1);
});

test('wanted peers of many clients of one source are limited to its share', () => {
  const world = new SealedRendezvous({ maxClients: 1000, maxWanted: 65_535 });
  const client = connected(world);
  const keys = Array.from({ length: 65_535 }, (_, i) => publicKey(key(i)));
  const kept = client.want(...keys).filter(({ notKept }) => !notKept).length;
  assert.equal(kept, 32_768, 'half of 65 536');
  assert.equal(world.handler.sizes.wants, kept);
  client.exchange(client.plain(FRAME.bye));
  assert.equal(world.handler.sizes.wants, 0);
});

test('candidates of many clients of one source are limited to its share, and a lighter source still finds room', () => {
  const directory = new Directory({
    maxClients: 1000,
    maxWanted: 100,
    maxWants: 1000,
    maxCandidates: 60,
    sourceShare: 0.5,
  });
  const register = (key: string, source: Source): ClientRecord => {
    const client = directory.add(key, source);
    assert.ok(client);
    return client;
  };
  const offer = (client: ClientRecord, to: string, counter: number) =>
    directory.putCandidates(client, to, new Uint8Array(88), counter);
  const light = register('hub', { family: 4, hashes: [0x10001, 0x10001] });
  for (const round of [1, 2]) {
    const clients = Array.from({ length: 50 }, (_, n) =>
      register(`${n}`, { family: 4, hashes: [0x20002, 0x20002] }),
    );
    for (const client of clients) {
      directory.want(light, client.key);
      directory.want(client, 'hub');
      offer(client, 'hub', 1);
    }
    assert.equal(directory.sizes.candidates, 30, 'half of 60');
    offer(light, '0', round);
    assert.equal(directory.sizes.candidates, 31);
    for (const client of clients) {
      directory.forget(client);
    }
    assert.equal(directory.sizes.candidates, 0);
  }
});
