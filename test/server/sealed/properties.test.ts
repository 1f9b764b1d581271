/** The eleven properties of the sealed protocol, as far as the server keeps them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openCandidates, sealCandidates } from '../../../src/sealed/candidates.js';
import { COOKIE_SECRET_MS } from '../../../src/sealed/cookie-checker.js';
import { writeMac2 } from '../../../src/sealed/mac.js';
import { encodeClassicRequest } from '../../../src/wire/classic.js';
import { type Endpoint, endpoint, formatEndpoint } from '../../../src/wire/endpoint.js';
import type { PublicKey } from '../../../src/wire/key.js';
import {
  MESSAGE,
  MESSAGE_LENGTH,
  mac2Offset,
  messageType,
  OFFSET,
} from '../../../src/wire/sealed.js';
import {
  type Candidate,
  NAT_LENGTH,
  type PeerCandidates,
} from '../../../src/wire/sealed-candidates.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { STATUS } from '../../../src/wire/sealed-response.js';
import { keptBytes } from '../../kept-bytes.js';
import { encodeEndpoint } from '../../wire/encode-endpoint.js';
import { SealedRendezvous } from './sealed-rendezvous.js';
import { TestClient } from './test-client.js';

const ALICE = '198.51.100.7';
const BOB = '203.0.113.8';
const MALLORY = '192.0.2.66';

/** Two that want each other; nothing is on its way to them. */
function acquainted(world = new SealedRendezvous()) {
  const a = new TestClient(world, ALICE);
  const b = new TestClient(world, BOB);
  for (const client of [a, b]) {
    assert.ok(client.connect());
  }
  a.want(b.publicKey);
  b.want(a.publicKey);
  a.takePushes();
  return { world, a, b };
}

/** What can change when something comes of a datagram. */
function state({ handler }: SealedRendezvous) {
  const { opened, welcomed, confirmed, moves, pushes } = handler.counts;
  return { ...handler.sizes, opened, welcomed, confirmed, moves, pushes };
}

/** What a client says of its host's addresses. */
function hosts(...endpoints: Endpoint[]): PeerCandidates {
  const candidates = endpoints.map((one): Candidate => ({ type: 'host', endpoint: one }));
  return { run: 0, nat: new Uint8Array(NAT_LENGTH), candidates };
}

test('property 1: without the private key nothing is registered for a public key', () => {
  const { world, a, b } = acquainted();
  const before = state(world);
  // He knows both public keys and the server's, and has a key pair of his own.
  const mallory = new TestClient(world, MALLORY);
  const forged = { publicKey: a.publicKey, secretKey: mallory.keys.secretKey };
  const impostor = new TestClient(world, MALLORY, 51820, forged);
  assert.equal(impostor.connect(), false);
  assert.equal(world.handler.counts.handshakesBroken, 1);
  assert.deepEqual(state(world), before);
  // Nor does somebody who holds a session of his own speak in another's.
  assert.ok(mallory.connect());
  mallory.remoteIndex = a.remoteIndex;
  assert.equal(mallory.ask(mallory.listPart([b.publicKey])), undefined);
  assert.equal(b.find(a.publicKey), a.endpoint);
});

test('property 1: a session without data registers nothing', () => {
  const { world, a, b } = acquainted();
  const c = new TestClient(world, MALLORY, 51820, a.keys);
  assert.ok(c.connect(), 'a has a new session, from elsewhere');
  assert.equal(b.find(a.publicKey), a.endpoint, 'but it was not used');
  world.wait(11_000);
  assert.equal(c.ask(c.plain(FRAME.ping))?.[3], MESSAGE.notice, 'and now it is too late');
  assert.equal(b.find(a.publicKey), a.endpoint);
});

test('property 2: a one-sided wish learns nothing, not even whether the key is there', () => {
  const { world, a, b } = acquainted();
  const nosy = new TestClient(world, MALLORY);
  const absent = new TestClient(world, MALLORY);
  assert.ok(nosy.connect());
  const entries = nosy.want(a.publicKey, absent.publicKey);
  assert.deepEqual(
    entries.map(({ key, ...rest }) => rest),
    Array(2).fill({ ipv4: undefined, ipv6: undefined, candidates: undefined, notKept: false }),
  );
  a.port = 40_000; // moves
  const challenge = a.exchange(a.plain(FRAME.ping));
  assert.ok(challenge?.kind === FRAME.pathChallenge);
  a.ask(a.seal((writer) => writer.token(FRAME.pathResponse, challenge.token)));
  assert.deepEqual(
    world.takeSent().map(({ to }) => to),
    [b.endpoint],
  );
  world.wait(1000);
  a.exchange(a.plain(FRAME.bye));
  assert.ok(world.takeSent().every(({ to }) => to === b.endpoint));
});

test('property 2: a peer that leaves the want list gets no more updates about the client', () => {
  const { a, b } = acquainted();
  a.want();
  assert.equal(b.takePushes()[0]?.ipv4, undefined);
  assert.equal(b.find(a.publicKey), undefined);
});

test('property 2: a client that crashed takes back its consent with the first list of the new session', () => {
  const { world, a, b } = acquainted();
  assert.ok(a.connect());
  a.exchange(a.plain(FRAME.ping));
  world.wait(29_000);
  assert.equal(b.find(a.publicKey), a.endpoint, 'a new session alone changes nothing');
  a.want(new TestClient(world, MALLORY).publicKey);
  assert.equal(b.find(a.publicKey), undefined);
});

test('property 2: a want list in parts replaces the one before when its last part has arrived', () => {
  const { world, a, b } = acquainted();
  const others = [1, 2, 3].map(() => new TestClient(world, MALLORY).publicKey);
  const part = (n: number) => a.listPart([others[n]!], 2, n, 3);
  for (const n of [2, 0]) {
    assert.ok(a.exchange(part(n)));
    assert.equal(b.find(a.publicKey), a.endpoint, 'not yet complete');
  }
  assert.ok(a.exchange(part(0)), 'a repeated part is answered, and completes nothing');
  assert.equal(b.find(a.publicKey), a.endpoint);
  assert.ok(a.exchange(part(1)));
  assert.equal(b.find(a.publicKey), undefined);
  assert.equal(world.handler.sizes.wants, 1 + others.length);
});

test('property 3: messages on the wire contain neither keys nor endpoints', () => {
  const { world, a, b } = acquainted();
  a.port = 40_001;
  const challenge = a.exchange(a.plain(FRAME.ping));
  assert.ok(challenge?.kind === FRAME.pathChallenge);
  a.exchange(a.seal((writer) => writer.token(FRAME.pathResponse, challenge.token)));
  assert.equal(b.takePushes().length, 1);
  const local = hosts(endpoint('10.1.2.3', 51820));
  const sealed = sealCandidates(a.keys, b.publicKey, local)!;
  a.exchange(a.seal((writer) => writer.begin(FRAME.candidates).addCandidates(b.publicKey, sealed)));
  assert.deepEqual(b.takePushes().at(-1)?.candidates, sealed);
  b.want(a.publicKey);
  const secrets = [
    a.publicKey,
    b.publicKey,
    world.key.publicKey,
    ...[ALICE, BOB, '10.1.2.3'].map((it) => encodeEndpoint(endpoint(it, 0)).subarray(0, 4)),
  ].map((bytes) => Buffer.from(bytes));
  assert.ok(world.captured.length > 15);
  for (const datagram of world.captured) {
    for (const secret of secrets) {
      assert.equal(Buffer.from(datagram).indexOf(secret), -1);
    }
  }
});

test('property 4: captured messages, played from anywhere in any order, change nothing', () => {
  const { world, a, b } = acquainted();
  a.ask(a.plain(FRAME.ping));
  const captured = [...world.captured];
  const before = state(world);
  const latest = a.initiation;
  for (const [address, port] of [
    [ALICE, 51820],
    [ALICE, 4444],
    [MALLORY, 51820],
  ] as const) {
    for (const datagram of [...captured, ...[...captured].reverse()]) {
      const reply = world.ask(address, port, datagram);
      assert.ok((reply?.length ?? 0) <= datagram.length);
    }
  }
  assert.deepEqual(state(world), before);
  // With a cookie of his own, the attacker passes the MACs; the initiation is known nevertheless.
  const mallory = new TestClient(world, MALLORY);
  mallory.getCookie();
  const { diffieHellman } = world.handler.counts;
  const replayed = latest.slice();
  writeMac2(replayed, 0, replayed.length, mallory.cookie!);
  assert.equal(mallory.ask(replayed), undefined);
  assert.equal(world.handler.counts.diffieHellman, diffieHellman);
  assert.deepEqual(state(world), before);
  assert.equal(b.find(a.publicKey), a.endpoint);
});

test('property 4: a message that comes late, or from another place, moves nothing', () => {
  const { world, a, b } = acquainted();
  const held = a.plain(FRAME.ping);
  a.ask(a.plain(FRAME.ping));
  // Held back and played from elsewhere: genuine, but older than what was heard since.
  assert.equal(world.ask(MALLORY, 51820, held), undefined);
  assert.equal(world.handler.counts.unprovenIgnored, 1);
  // The newest one, taken off the wire: its true sender never gets the challenge, and he cannot answer.
  const challenge = world.ask(MALLORY, 51820, a.plain(FRAME.ping));
  assert.equal(challenge?.length, 48);
  assert.equal(b.find(a.publicKey), a.endpoint);
  // A challenge answered from yet another place proves neither.
  const frame = a.open(challenge);
  assert.ok(frame?.kind === FRAME.pathChallenge);
  const proof = a.seal((writer) => writer.token(FRAME.pathResponse, frame.token));
  world.ask('192.0.2.67', 51820, proof);
  assert.equal(b.find(a.publicKey), a.endpoint);
  assert.equal(world.handler.counts.moves, 0);
});

test('property 4: the source of the handshake is not taken for the client for ever', () => {
  const { world, a, b } = acquainted();
  const late = a.plain(FRAME.ping);
  a.port = 40_000;
  const challenge = a.exchange(a.plain(FRAME.ping));
  assert.ok(challenge?.kind === FRAME.pathChallenge);
  a.exchange(a.seal((writer) => writer.token(FRAME.pathResponse, challenge.token)));
  assert.equal(b.find(a.publicKey), a.endpoint);
  world.ask(ALICE, 51820, late);
  assert.equal(b.find(a.publicKey), a.endpoint);
});

test('property 4: a part of an older want list changes nothing and is not answered', () => {
  const { world, a, b } = acquainted();
  const withB = a.listPart([b.publicKey]);
  const without = a.listPart([]);
  assert.ok(a.exchange(without));
  assert.equal(a.ask(withB), undefined);
  assert.equal(b.find(a.publicKey), undefined);
  // The same the other way round: an older list without the peer, and one of which parts are missing.
  const older = a.listPart([]);
  const unfinished = a.listPart([], ++a.version, 0, 2);
  a.want(b.publicKey);
  assert.equal(a.ask(older), undefined);
  assert.equal(a.ask(unfinished), undefined);
  assert.equal(b.find(a.publicKey), a.endpoint);
  assert.equal(world.handler.counts.lateChanges, 3);
});

test('property 4: a want list of the session before changes nothing in the next', () => {
  const { a, b } = acquainted();
  const old = { transport: a.transport, remoteIndex: a.remoteIndex, version: 100 };
  assert.ok(a.connect());
  a.want(b.publicKey);
  const present = { transport: a.transport, remoteIndex: a.remoteIndex, version: a.version };
  Object.assign(a, old);
  assert.equal(a.ask(a.listPart([])), undefined);
  assert.ok(a.exchange(a.plain(FRAME.ping)), 'the old session lives on for a while');
  Object.assign(a, present);
  assert.equal(b.find(a.publicKey), a.endpoint);
});

test('property 4: late candidates do not replace newer ones and are not answered', () => {
  const { world, a, b } = acquainted();
  const candidates = (value: number) =>
    a.seal((writer) => {
      writer.begin(FRAME.candidates).addCandidates(b.publicKey, new Uint8Array(88).fill(value));
    });
  const [first, second] = [candidates(1), candidates(2)];
  assert.equal(a.exchange(second)?.kind, FRAME.serverAck);
  assert.equal(a.ask(first), undefined);
  assert.equal(b.want(a.publicKey)[0]?.candidates?.[0], 2);
  assert.equal(world.handler.counts.lateChanges, 1);
  // Counters start again with a session.
  assert.ok(a.connect());
  assert.equal(a.exchange(candidates(3))?.kind, FRAME.serverAck);
  assert.equal(b.want(a.publicKey)[0]?.candidates?.[0], 3);
});

test('property 4: messages that were held back do not keep a client registered', () => {
  const { world, a, b } = acquainted();
  const held = Array.from({ length: 20 }, () => a.plain(FRAME.ping));
  a.ask(a.plain(FRAME.ping));
  for (const message of held) {
    b.ask(b.plain(FRAME.ping));
    world.wait(20_000);
    world.ask(ALICE, 51820, message);
  }
  assert.equal(world.handler.sizes.clients, 1);
  assert.equal(b.find(a.publicKey), undefined);
});

test('property 4: an initiation replayed once it is forgotten registers nothing', () => {
  for (const end of ['bye', 'ttl', 'restart']) {
    const { world: first, a, b } = acquainted();
    const captured = [...first.captured];
    let world = first;
    if (end === 'bye') {
      a.exchange(a.plain(FRAME.bye));
      world.wait(2 * COOKIE_SECRET_MS);
    } else if (end === 'ttl') {
      world.wait(2 * COOKIE_SECRET_MS);
    } else {
      world = new SealedRendezvous({ key: first.key });
    }
    const mallory = new TestClient(world, MALLORY);
    mallory.getCookie();
    const replayed = a.initiation.slice();
    writeMac2(replayed, 0, replayed.length, mallory.cookie!);
    assert.equal(mallory.ask(replayed)?.[3], MESSAGE.response, 'nothing tells it from a new one');
    for (const datagram of captured) {
      world.ask(MALLORY, 51820, datagram);
      world.ask(ALICE, 51820, datagram);
    }
    const again = new TestClient(world, BOB, 51820, b.keys);
    assert.ok(again.connect());
    assert.equal(again.find(a.publicKey), undefined, end);
    world.wait(11_000);
    assert.equal(world.handler.sizes.clients, 1, end);
  }
});

test("property 4: a replayed initiation does not count its client against the replayer's source", () => {
  const first = new SealedRendezvous();
  const world = new SealedRendezvous({ key: first.key, maxClients: 60, sourceShare: 0.3 });
  // 18 clients each are what a source may have of 60; he brings those of one before they come back.
  const clients = Array.from({ length: 18 }, (_, i) => new TestClient(first, ALICE, 1000 + i));
  const mallory = new TestClient(world, MALLORY);
  mallory.getCookie();
  for (const client of clients) {
    assert.ok(client.connect());
    const replayed = client.initiation.slice();
    writeMac2(replayed, 0, replayed.length, mallory.cookie!);
    assert.equal(mallory.ask(replayed)?.[3], MESSAGE.response);
  }
  for (const { keys, port } of clients) {
    const again = new TestClient(world, ALICE, port, keys);
    assert.ok(again.connect());
    again.exchange(again.plain(FRAME.ping));
  }
  assert.equal(world.handler.sizes.clients, 18);
  // They count against the source they are at, and no longer against his.
  const one = new TestClient(world, MALLORY, 2000);
  assert.ok(one.connect(), 'his share is free');
  const further = new TestClient(world, ALICE, 2000);
  assert.equal(further.connect(), false);
  assert.equal(further.status?.status, STATUS.full);
});

test('property 5: an unproven source has nothing allocated for it and costs no Diffie-Hellman', () => {
  const world = new SealedRendezvous();
  const client = new TestClient(world, ALICE);
  const initiation = client.makeInitiation();
  for (let i = 0; i < 1000; i++) {
    const bytes = initiation.slice();
    // Zeros, and bytes made up without a cookie.
    bytes.fill(i % 3, mac2Offset(MESSAGE_LENGTH.initiation));
    const reply = world.ask(`100.64.${i >> 8}.${i & 255}`, 1024 + i, bytes);
    assert.equal(reply?.length, MESSAGE_LENGTH.cookie);
  }
  // The cookie of one source is none for another, not even for another port.
  client.getCookie();
  const stolen = client.makeInitiation();
  assert.equal(world.ask(BOB, 51820, stolen)?.length, MESSAGE_LENGTH.cookie);
  assert.equal(world.ask(ALICE, 51821, stolen)?.length, MESSAGE_LENGTH.cookie);
  assert.deepEqual(world.handler.sizes, { clients: 0, sessions: 0, wants: 0, candidates: 0 });
  assert.equal(world.handler.counts.diffieHellman, 0);
  // While it is right, it counts; a while later, it does not.
  assert.ok(client.accept(client.ask(client.makeInitiation())));
  assert.equal(world.handler.counts.diffieHellman, 4);
  world.wait(241_000);
  assert.equal(client.ask(client.makeInitiation())?.length, MESSAGE_LENGTH.cookie);
});

test('property 5: a hundred thousand spoofed initiations leave nothing in memory', async () => {
  const world = new SealedRendezvous();
  const first = new TestClient(world, ALICE).makeInitiation();
  const second = first.slice().fill(7, mac2Offset(MESSAGE_LENGTH.initiation));
  const { counts } = world.handler;
  const flood = async (start: number, end: number): Promise<number> => {
    for (let i = start; i < end; i += 100) {
      world.deliver(
        Array.from({ length: 100 }, (_, n) => ({
          from: `100.${(i + n) >> 16}.${((i + n) >> 8) & 255}.${(i + n) & 255}`,
          port: 51820,
          payload: n % 2 === 0 ? first : second,
        })),
      );
      world.captured.length = 0;
      world.takeSent();
    }
    return await keptBytes();
  };
  const before = await flood(0, 20_000);
  const after = await flood(20_000, 100_000);
  assert.equal(counts.cookies, 100_000);
  assert.equal(counts.diffieHellman, 0);
  const grown = after - before;
  assert.ok(grown < 10 * 80_000, `${grown / 80_000} bytes for each datagram`);
});

test('property 5: no answer to an unproven source is larger than its request', () => {
  const { world, a } = acquainted();
  const seeds = [...world.captured, a.makeInitiation(), a.plain(FRAME.ping)];
  const mutation = fc.record({
    seed: fc.nat(seeds.length - 1),
    length: fc.option(fc.nat(1300)),
    changes: fc.array(fc.tuple(fc.nat(1300), fc.nat(255)), { maxLength: 3 }),
  });
  const expectSmall = (request: Uint8Array) => {
    const [reply] = world.deliver([{ from: MALLORY, port: 7, payload: request }]);
    assert.ok((reply?.length ?? 0) <= request.length, `${reply?.length} to ${request.length}`);
    assert.deepEqual(world.takeSent(), []);
  };
  for (let length = 0; length <= 1300; length++) {
    const bytes = new Uint8Array(length);
    bytes.set([0x77, 0x67, 0x72, (length % 5) + 1].slice(0, length));
    expectSmall(bytes);
  }
  fc.assert(
    fc.property(mutation, ({ seed, length, changes }) => {
      const bytes = new Uint8Array(length ?? seeds[seed]!.length);
      bytes.set(seeds[seed]!.subarray(0, bytes.length));
      for (const [at, value] of changes) {
        bytes[at % (bytes.length || 1)] = value;
      }
      if (bytes.length !== 64) {
        expectSmall(bytes);
      }
    }),
    { numRuns: 3000 },
  );
});

test('property 5: nothing larger than its request is sent to a source that is not proven', () => {
  const { world, a, b } = acquainted();
  a.address = MALLORY;
  const want = a.listPart([b.publicKey]);
  const reply = a.ask(want);
  assert.ok(reply !== undefined && reply.length <= want.length);
  assert.equal(a.open(reply)?.kind, FRAME.pathChallenge);
  assert.deepEqual(world.takeSent(), []);
});

test('property 6: one datagram asks for 37 peers, and each answer names its peer', () => {
  const { world, a, b } = acquainted();
  const keys: PublicKey[] = [b.publicKey];
  while (keys.length < 37) {
    keys.push(new TestClient(world, MALLORY).publicKey);
  }
  keys.reverse();
  const message = a.listPart(keys);
  assert.ok(message.length <= 1232);
  const frame = a.exchange(message);
  const rest = a.takeSent().map((it) => it.frame);
  const entries = [frame, ...rest].flatMap((it) => (it?.kind === FRAME.peers ? it.entries : []));
  assert.deepEqual(
    entries.map(({ key }) => key),
    keys,
  );
  assert.equal(formatEndpoint(entries.at(-1)!.ipv4!), b.endpoint);
  assert.ok(world.captured.every(({ length }) => length <= 1232));
});

test('property 7: changes of a peer are pushed in the same turn', () => {
  const { a, b } = acquainted();
  b.port = 40_000;
  const challenge = b.exchange(b.plain(FRAME.ping));
  assert.ok(challenge?.kind === FRAME.pathChallenge);
  b.ask(b.seal((writer) => writer.token(FRAME.pathResponse, challenge.token)));
  const [moved] = a.takePushes();
  assert.equal(formatEndpoint(moved!.ipv4!), b.endpoint);
  b.ask(b.plain(FRAME.bye));
  const [left] = a.takePushes();
  assert.deepEqual([left?.key, left?.ipv4], [b.publicKey, undefined]);
});

test('property 8: a place for each family, and candidates that only the peer can open', () => {
  const { world, a, b } = acquainted();
  a.address = '2001:db8::7';
  const challenge = a.exchange(a.plain(FRAME.ping));
  assert.ok(challenge?.kind === FRAME.pathChallenge);
  a.exchange(a.seal((writer) => writer.token(FRAME.pathResponse, challenge.token)));
  const local = hosts(endpoint('10.1.2.3', 51820), endpoint('fd00::3', 51820));
  const sealed = sealCandidates(a.keys, b.publicKey, local)!;
  a.exchange(a.seal((writer) => writer.begin(FRAME.candidates).addCandidates(b.publicKey, sealed)));
  const [entry] = b.want(a.publicKey);
  assert.equal(formatEndpoint(entry!.ipv4!), `${ALICE}:51820`);
  assert.equal(formatEndpoint(entry!.ipv6!), a.endpoint);
  assert.deepEqual(openCandidates(b.keys, a.publicKey, entry!.candidates!), local);
  assert.equal(
    openCandidates(world.key, a.publicKey, entry!.candidates!),
    undefined,
    'not the server',
  );
});

test('property 9: WireGuard takes nothing that is sent for its own', () => {
  const { world, a } = acquainted();
  a.ask(a.plain(FRAME.bye));
  a.ask(a.plain(FRAME.ping));
  const c = new TestClient(world, '2001:db8::9');
  assert.ok(c.connect());
  assert.equal(c.exchange(c.plain(FRAME.ping))?.kind, FRAME.pong, '20 bytes, padded to 48');
  new TestClient(world, MALLORY).ask(new TestClient(new SealedRendezvous(), BOB).makeInitiation());
  const types = new Set(world.captured.map((it) => messageType(it, 0, it.length)));
  assert.deepEqual(types, new Set(Object.values(MESSAGE)), 'every kind of message was sent');
  for (const bytes of world.captured) {
    const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    assert.ok(word > 4);
    assert.notEqual(bytes.length, 64);
  }
});

test("property 10: classic and sealed neither see nor change each other's registrations", () => {
  const { world, a, b } = acquainted();
  const classic = (from: string, mine: PublicKey, theirs: PublicKey) =>
    world.ask(from, 51820, encodeClassicRequest(mine, theirs));
  const before = state(world);
  assert.deepEqual(classic(MALLORY, a.publicKey, b.publicKey), new Uint8Array(0));
  assert.deepEqual(
    classic(MALLORY, b.publicKey, a.publicKey),
    encodeEndpoint(endpoint(MALLORY, 51820)),
  );
  assert.deepEqual(state(world), before);
  assert.equal(b.find(a.publicKey), a.endpoint);
  a.ask(a.plain(FRAME.bye));
  b.ask(b.plain(FRAME.bye));
  assert.deepEqual(
    classic(BOB, b.publicKey, a.publicKey),
    encodeEndpoint(endpoint(MALLORY, 51820)),
  );
});

test('property 11: a message of the server counts in its own session only', () => {
  const { world, a } = acquainted();
  // A server with another key, or none, cannot answer for this one.
  const liar = new SealedRendezvous();
  const reply = liar.ask(ALICE, 51820, a.makeInitiation());
  assert.equal(reply?.[3], MESSAGE.notice);
  assert.equal(a.accept(reply), false);
  const other = new TestClient(world, MALLORY);
  assert.ok(other.connect());
  assert.equal(a.open(other.ask(other.plain(FRAME.ping))), undefined);
});

test('a server that restarted sends a notice, and accepts the client again', () => {
  const { world, a, b } = acquainted();
  const restarted = new SealedRendezvous({ key: world.key });
  const [again, other] = [a, b].map(
    (old) => new TestClient(restarted, old.address, old.port, old.keys),
  ) as [TestClient, TestClient];
  const ping = a.plain(FRAME.ping);
  const notice = restarted.ask(ALICE, 51820, ping)!;
  assert.equal(notice[3], MESSAGE.notice);
  assert.deepEqual(notice.subarray(OFFSET.notice.echo), ping.subarray(0, 16));
  again.cookie = a.cookie;
  assert.equal(
    again.ask(again.makeInitiation())?.length,
    MESSAGE_LENGTH.cookie,
    'its secrets are new',
  );
  assert.ok(again.connect());
  assert.ok(other.connect());
  other.want(again.publicKey);
  assert.equal(again.find(other.publicKey), b.endpoint);
});

test('a refusal is sealed to the holder of the key', () => {
  const { world, a } = acquainted();
  a.getCookie();
  assert.equal(a.accept(a.ask(a.makeInitiation(1))), false);
  assert.equal(a.status?.status, STATUS.staleTimestamp);
  assert.ok(a.status.latest !== undefined);
  assert.equal(a.status.clockMs, 1_700_000_000_000 + world.now);
});
