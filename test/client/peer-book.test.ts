import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeNatBehaviour,
  type NatBehaviour,
  UNKNOWN_BEHAVIOUR,
} from '../../src/client/paths/nat-behaviour.js';
import { PeerBook } from '../../src/client/peer-book.js';
import { type Endpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';
import { Bench, handshakeAt, P, peer, Q, WALL, X, Y } from './bench.js';

/** A NAT that can be reached where the server sees it, and one that cannot. */
const EASY: NatBehaviour = { ...UNKNOWN_BEHAVIOUR, mapping: 'endpoint-independent' };
const HARD: NatBehaviour = {
  ...UNKNOWN_BEHAVIOUR,
  mapping: 'address-and-port-dependent',
  ports: 'changed',
};

test('a step of the wall clock makes no handshake older or younger', () => {
  const connected = peer({ endpoint: Y, ...handshakeAt(0) });
  for (const step of [-3_600_000, 3_600_000]) {
    const bench = new Bench().peers(connected);
    bench.read();
    bench.at(100_000);
    bench.book.read(bench.device, bench.now, WALL + bench.now + step);
    assert.equal(bench.state(), 'connected');
    bench.at(150_000);
    bench.book.read(bench.device, bench.now, WALL + bench.now + step);
    assert.notEqual(bench.state(), 'connected');
  }
});

test('peers of an interface that is gone are forgotten', () => {
  const bench = new Bench();
  bench.read();
  bench.book.clear();
  assert.deepEqual(bench.book.views(bench.now), []);
  assert.equal(bench.ask(), undefined);
});

test('an answer is applied once, with a keepalive if there is none', () => {
  const bench = new Bench();
  bench.learn(X, 5);
  assert.equal(bench.book.pollInterval(bench.now), 0);
  const change = { publicKey: P, endpoint: X, persistentKeepalive: 25, keepaliveNow: false };
  assert.deepEqual(bench.read(), [change]);
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25 }));
  assert.deepEqual(bench.at(300).read(), []);
  assert.equal(bench.state(), 'connecting');
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25, ...handshakeAt(300) }));
  assert.deepEqual(bench.at(400).endpointsSet(), [undefined], 'only a keepalive');
  assert.equal(bench.state(), 'connected');
});

test('a peer whose keepalive was set before is replaced: its handshake window is spent', () => {
  const known = peer({ persistentKeepalive: 7 });
  const bench = new Bench().peers(known);
  bench.learn(X);
  assert.deepEqual(bench.read(), [
    { publicKey: P, endpoint: X, persistentKeepalive: 7, replace: true },
  ]);
});

test('a peer that ever connected, received anything, or may not be replaced, is changed only', () => {
  const change = { publicKey: P, endpoint: X, persistentKeepalive: 7, keepaliveNow: true };
  const keepalive = { persistentKeepalive: 7 };
  const connectedOnce = new Bench().peers(peer({ ...keepalive, ...handshakeAt(-200_000) }));
  assert.deepEqual(connectedOnce.learn(X).read(), [change]);
  const heard = new Bench().peers(peer({ ...keepalive, receivedBytes: 148 }));
  assert.deepEqual(heard.learn(X).read(), [change]);
  const forbidden = new Bench({ replace: false }).peers(peer(keepalive));
  assert.deepEqual(forbidden.learn(X).read(), [change]);
});

test('a connected peer without a keepalive gets one, unless the user wants none', () => {
  const connected = peer({ endpoint: Y, ...handshakeAt(0) });
  const bench = new Bench().peers(connected);
  assert.deepEqual(bench.read(), [{ publicKey: P, persistentKeepalive: 25 }]);
  bench.peers({ ...connected, persistentKeepalive: 25 });
  assert.deepEqual(bench.at(1000).read(), []);
  assert.deepEqual(new Bench({ keepalive: 0 }).peers(connected).read(), []);
});

test('without a wish for keepalives only the endpoint is set', () => {
  const bench = new Bench({ keepalive: 0 });
  bench.learn(X);
  assert.deepEqual(bench.read(), [{ publicKey: P, endpoint: X, keepaliveNow: false }]);
});

test('a peer with a fresh handshake is never touched, whatever the server says', () => {
  const bench = new Bench().peers(
    peer({ endpoint: Y, persistentKeepalive: 25, ...handshakeAt(0) }),
  );
  bench.read();
  for (let now = 0; now < 149_000; now += 1000) {
    bench.at(now);
    if (bench.ask() !== undefined) {
      bench.answer(X);
    }
    assert.deepEqual(bench.read(), [], `at ${now}`);
  }
});

test('a peer that connects after a change gets one keepalive, and nothing else is changed', () => {
  const bench = new Bench();
  bench.learn(X).read();
  bench.at(1000).peers(peer({ ...handshakeAt(900), endpoint: Y, persistentKeepalive: 25 }));
  assert.deepEqual(bench.read(), [{ publicKey: P, persistentKeepalive: 25, keepaliveNow: true }]);
  assert.deepEqual(bench.at(1100).read(), []);
});

test('a peer that connects without a keepalive, or without a change of ours, gets none', () => {
  const silent = new Bench({ keepalive: 0 });
  silent.learn(X).read();
  silent.at(1000).peers(peer({ ...handshakeAt(900), endpoint: X }));
  assert.deepEqual(silent.read(), []);
  const untouched = new Bench();
  untouched.read();
  untouched.at(1000).peers(peer({ ...handshakeAt(900), endpoint: X, persistentKeepalive: 25 }));
  assert.deepEqual(untouched.read(), []);
});

test('a stale handshake is acted upon, with a new answer only', () => {
  const bench = new Bench().peers(
    peer({ endpoint: Y, persistentKeepalive: 25, ...handshakeAt(0) }),
  );
  bench.learn(X);
  bench.at(1000).read();
  assert.deepEqual(bench.at(150_000).read(), [], 'the old answer is not news');
  assert.notEqual(bench.ask(), undefined);
  bench.answer(X);
  assert.deepEqual(bench.endpointsSet(), [X]);
});

test('a peer that is still heard is left alone until its session must end', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  bench
    .at(149_000)
    .peers(peer({ endpoint: Y, receivedBytes: 9, ...handshakeAt(0) }))
    .read();
  bench.at(170_000).read();
  assert.equal(bench.state(), 'connected');
  bench.at(180_000).read();
  assert.notEqual(bench.state(), 'connected');
});

test('data that arrived shortly before a suspend does not delay the next connection', () => {
  const connected = { endpoint: Y, persistentKeepalive: 25, ...handshakeAt(0) };
  const bench = new Bench({ isSecret: () => true });
  bench.peers(peer({ ...connected, receivedBytes: 100 })).read();
  bench.told([Y]);
  bench.at(3_600_000).book.probes(bench.now);
  bench.peers(peer({ ...connected, receivedBytes: 200 })).read();
  bench.told([X]);
  assert.notDeepEqual(bench.book.probes(bench.now), [], 'probes leave at once');
});

test("WireGuard's roaming is not fought", () => {
  const bench = new Bench();
  bench.learn(X);
  assert.equal(bench.read().length, 1);
  bench.peers(peer({ endpoint: Y, persistentKeepalive: 25 }));
  const asked = bench.askedUntil(10_000, () => X);
  assert.ok(asked.length > 3);
  assert.deepEqual(bench.read(), [], 'the same answer again changes nothing');
});

test('a moved peer is followed', () => {
  const bench = new Bench();
  bench.learn(X);
  bench.read();
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25 }));
  bench.askedUntil(3000, () => Y);
  assert.deepEqual(bench.endpointsSet(), [Y]);
});

test('after a move of this host, a connected peer gets its endpoint again once, and keepalives', () => {
  const bench = new Bench();
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25, ...handshakeAt(0) })).read();
  bench.book.moved(bench.now);
  const keepalive = { publicKey: P, persistentKeepalive: 25, keepaliveNow: true };
  assert.deepEqual(bench.at(299).read(), []);
  assert.deepEqual(bench.at(300).read(), [{ ...keepalive, endpoint: X }]);
  assert.deepEqual(bench.at(1500).read(), [keepalive]);
  assert.deepEqual(bench.at(4000).read(), [keepalive]);
  assert.deepEqual(bench.at(9000).read(), []);
});

test('a removed peer is not asked about and not changed', () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.peers();
  bench.read();
  bench.at(5).answer(X);
  assert.deepEqual(bench.read(), []);
  assert.deepEqual(bench.askedUntil(5_000), []);
  assert.equal(bench.schedule.nextAt(bench.now), Number.POSITIVE_INFINITY);
});

test('a peer that our own change brought back is removed again', () => {
  const bench = new Bench();
  bench.learn(X);
  assert.equal(bench.read().length, 1);
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25, allowedIps: [] }));
  assert.deepEqual(bench.read(), [{ publicKey: P, remove: true }]);
  bench.peers();
  assert.deepEqual(bench.read(), []);
});

test('a peer that never had allowed IPs is not taken for one brought back', () => {
  const bench = new Bench().peers(peer({ allowedIps: [] }));
  bench.learn(X);
  bench.read();
  bench.peers(peer({ endpoint: X, allowedIps: [] }));
  assert.deepEqual(bench.read(), []);
});

test('only the peers asked for are managed', () => {
  const bench = new Bench({ only: new Set([formatPublicKey(Q)]) });
  bench.peers(peer(), peer({ publicKey: Q })).read();
  assert.equal(bench.ask(), formatPublicKey(Q));
  bench.answer(X);
  assert.deepEqual(
    bench.read().map(({ publicKey: key }) => key),
    [Q],
  );
});

test('a recreated interface gets the endpoint again', () => {
  const bench = new Bench();
  bench.learn(X);
  bench.read();
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25, ...handshakeAt(100) }));
  bench.at(200).read();
  bench.peers(peer());
  bench.at(2200).read();
  assert.notEqual(bench.ask(), undefined);
  bench.answer(X);
  assert.deepEqual(bench.endpointsSet(), [X]);
});

test('an endpoint that went away before any handshake is set again', () => {
  const bench = new Bench();
  bench.learn(X);
  bench.read();
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25 }));
  assert.deepEqual(bench.read(), []);
  bench.peers(peer());
  assert.equal(bench.at(1000).read().length, 1);
});

test('a change that failed is made again', () => {
  const bench = new Bench();
  bench.learn(X);
  assert.equal(bench.read().length, 1);
  bench.book.changesFailed(bench.now);
  assert.equal(bench.at(1000).read().length, 0, 'not at once: wg would be run again and again');
  assert.notEqual(bench.book.pollInterval(bench.now), 0);
  assert.equal(bench.at(2000).read().length, 1);
});

test('another own key resets everything', () => {
  const bench = new Bench();
  bench.learn(X);
  bench.device = { ...bench.device, publicKey: Q, peers: [peer()] };
  assert.deepEqual(bench.read(), []);
  assert.equal(bench.state(), 'asking');
});

test('the peer through which questions go is left alone, unless the user names it', () => {
  const device = new Bench().peers(peer(), peer({ publicKey: Q, endpoint: X })).device;
  const skip = () => formatPublicKey(Q);
  const managed = (options: { only?: ReadonlySet<string> }, of = device) => {
    const book = new PeerBook({ keepalive: 25, skip, ...options });
    book.read(of, 0, WALL);
    return { keys: [...book.peers.keys()], missing: book.missing, skipsAll: book.skipsAll };
  };
  const [p, q] = [formatPublicKey(P), formatPublicKey(Q)];
  assert.deepEqual(managed({}), { keys: [p], missing: [], skipsAll: false });
  const named = managed({ only: new Set([q]) });
  assert.deepEqual(named, { keys: [q], missing: [], skipsAll: false });
  const alone = { ...device, peers: device.peers.slice(1) };
  assert.deepEqual(managed({}, alone), { keys: [], missing: [], skipsAll: true });
  assert.deepEqual(managed({ only: new Set([p]) }, alone).skipsAll, false);
});

test("an endpoint that cannot be the peer's is neither set nor sent to, and is named", () => {
  const bench = new Bench();
  bench.read();
  bench.told([parseEndpoint('127.0.0.1:51820')]);
  for (; bench.now < 3000; bench.now += 50) {
    assert.deepEqual(bench.read(), []);
    assert.deepEqual(bench.book.probes(bench.now), []);
  }
  assert.match(bench.book.refusals.join(), /127\.0\.0\.1:51820 is the server's own host/);
  bench.told([parseEndpoint('127.0.0.1:51820'), X]);
  assert.deepEqual(bench.probe(X).endpointsSet(), [X], 'the others are tried');
});

/** A peer that is connected at Y. */
const connectedAtY = peer({ endpoint: Y, persistentKeepalive: 25, ...handshakeAt(0) });

test('a connected peer that moved gets probes at its old and its new endpoint, and is not changed', () => {
  const bench = new Bench().peers(connectedAtY);
  bench.read();
  bench.told([Y]);
  assert.deepEqual(bench.book.probes(0), [], 'where it is already');
  bench.told([X]);
  const targets = new Map<string, number>();
  for (; bench.now < 9000; bench.now += 50) {
    for (const [, { to }] of bench.book.probes(bench.now)) {
      targets.set(to.address, (targets.get(to.address) ?? 0) + 1);
    }
    assert.deepEqual(bench.read(), []);
  }
  assert.deepEqual(Object.fromEntries(targets), { [X.address]: 12, [Y.address]: 12 });
});

test('a peer that seems to move all the time gets no more than 24 probes in 10 s', () => {
  const bench = new Bench().peers(connectedAtY);
  bench.read();
  let probes = 0;
  for (; bench.now < 30_000; bench.now += 50) {
    bench.told([parseEndpoint(`198.51.100.7:${1000 + bench.now}`)]);
    probes += bench.book.probes(bench.now).length;
  }
  assert.ok(probes <= 3 * 24, `${probes}`);
});

test('where there are more probes than all peers may get, each peer has its turn', () => {
  const keys = Array.from({ length: 600 }, (_, i) => {
    const bytes = new Uint8Array(32).fill(1);
    new DataView(bytes.buffer).setUint16(1, i);
    return publicKey(bytes);
  });
  const bench = new Bench().peers(...keys.map((it) => peer({ publicKey: it })));
  bench.read();
  for (const key of keys) {
    bench.told([X, Y], key);
  }
  const probed = new Set<string>();
  let probes = 0;
  for (; bench.now < 3000; bench.now += 20) {
    for (const [key] of bench.book.probes(bench.now)) {
      probed.add(key);
      probes++;
    }
  }
  assert.ok(probes <= 250 + 3 * 500 + 16, `${probes}`);
  assert.equal(probed.size, keys.length);
});

test('connected peers get keepalives after our own port or address changed', () => {
  const bench = new Bench().peers(connectedAtY);
  bench.at(1000).read();
  bench.at(10_000).read();
  bench.device = { ...bench.device, listenPort: 51821 };
  const times: number[] = [];
  for (; bench.now < 20_000; bench.now += 100) {
    if (bench.read().some(({ keepaliveNow }) => keepaliveNow)) {
      times.push(bench.now - 10_000);
    }
  }
  assert.deepEqual(times, [300, 1500, 4000]);
  assert.equal(bench.book.pollInterval(bench.now), 2000);
});

test('a connected peer that falls silent is sought where it was, without news of it, if probes prove it', () => {
  for (const isSecret of [true, false]) {
    const bench = new Bench({ isSecret: () => isSecret }).peers(
      peer({ endpoint: Y, persistentKeepalive: 25, ...handshakeAt(0) }),
    );
    bench.read();
    bench.told([X]).read();
    bench.at(151_000).read();
    assert.notEqual(bench.state(), 'connected');
    const sent = bench.book.probes(bench.now).map(([, { to }]) => to);
    assert.deepEqual(
      sent,
      isSecret ? [Y, X] : [],
      'where WireGuard sent, and where the peer was seen',
    );
    assert.deepEqual(bench.endpointsSet(), [], 'nothing is set without a sign of it');
    bench.at(151_050).probe(X);
    assert.deepEqual(bench.endpointsSet(), isSecret ? [X] : []);
  }
});

const RELAY = parseEndpoint('192.0.2.1:49920');

/** A relayed peer whose checks of X have found nothing. */
function relayed(): Bench {
  const bench = new Bench({ servers: () => [parseEndpoint('192.0.2.1:49918')] });
  bench.peers(peer()).read();
  bench.told([X]).book.peers.get(formatPublicKey(P))?.relayed(RELAY);
  bench.peers(peer({ endpoint: RELAY, persistentKeepalive: 25, ...handshakeAt(0) })).read();
  checksUntil(bench, 6000);
  return bench;
}

/** Lets time pass; returns how many requests left, by endpoint. */
function checksUntil(bench: Bench, end: number, answering?: Endpoint): Map<Endpoint, number> {
  const counts = new Map<Endpoint, number>();
  for (; bench.now < end; bench.now += 20) {
    for (const [key, { to, transaction }] of bench.book.probes(bench.now)) {
      counts.set(to, (counts.get(to) ?? 0) + 1);
      if (to === answering) {
        const response = { from: to, intent: 'waiting', transaction, observed: Y } as const;
        bench.book.heard(key, response, bench.now);
      }
    }
  }
  return counts;
}

test('a relayed peer is checked at once where it is now, or where this host is now', () => {
  const moved = relayed();
  moved.told([Y]);
  assert.equal(checksUntil(moved, 7000).get(Y), 8);
  const own = relayed();
  own.book.moved(own.now);
  assert.equal(checksUntil(own, 7000).get(X), 8);
  assert.equal(checksUntil(relayed(), 7000).get(X), undefined, 'and left alone otherwise');
});

test('a relayed peer that answers is to be held, gets its endpoint, and keepalives by which it follows', () => {
  const bench = relayed().told([Y]);
  checksUntil(bench, 6200, Y);
  assert.equal(bench.book.pollInterval(bench.now), 0);
  assert.deepEqual(bench.book.switchOvers(bench.now), [{ from: RELAY, to: Y }]);
  const change = { publicKey: P, endpoint: Y, persistentKeepalive: 25, keepaliveNow: true };
  assert.deepEqual(bench.read(), [change]);
  assert.deepEqual(bench.book.switchOvers(bench.now), []);
  const direct = peer({ endpoint: Y, persistentKeepalive: 25, ...handshakeAt(0) });
  bench.peers(direct).at(7300);
  assert.equal(bench.book.pollInterval(bench.now), 0);
  assert.deepEqual(bench.read(), [{ publicKey: P, persistentKeepalive: 25, keepaliveNow: true }]);
  assert.deepEqual(bench.at(7400).read(), []);
});

test('where WireGuard followed the held change by itself, keepalives leave all the same', () => {
  const bench = relayed().told([Y]);
  checksUntil(bench, 6200, Y);
  bench.book.switchOvers(bench.now);
  bench.peers(peer({ endpoint: Y, persistentKeepalive: 25, ...handshakeAt(0) }));
  const keepalive = { publicKey: P, persistentKeepalive: 25, keepaliveNow: true };
  assert.deepEqual(bench.read(), [keepalive]);
  assert.deepEqual(bench.at(6300).read(), []);
  assert.deepEqual(bench.at(6500).read(), [keepalive]);
});

test('the change that is made is the one that is held, also where a better path answers meanwhile', () => {
  const six = parseEndpoint('[2001:db8::2]:51820');
  const bench = relayed().told([Y, six]);
  checksUntil(bench, 6200, Y);
  assert.deepEqual(bench.book.switchOvers(bench.now), [{ from: RELAY, to: Y }]);
  checksUntil(bench, 7000, six);
  assert.deepEqual(bench.endpointsSet(), [Y]);
});

test('a peer beside the server is not taken for one that is relayed', () => {
  const server = parseEndpoint('192.0.2.1:49918');
  const beside = parseEndpoint('192.0.2.1:51820');
  for (const answer of [[beside], 'unknown'] as const) {
    const bench = new Bench({ servers: () => [server] });
    bench.peers(peer({ endpoint: beside, persistentKeepalive: 25, ...handshakeAt(0) })).read();
    const found = bench.told(answer).book.peers.get(formatPublicKey(P));
    assert.equal(found?.needsRelay(bench.now), false);
    found?.relayed(RELAY);
    assert.deepEqual(bench.at(2000).read(), []);
  }
});

test('a path that was found through a hard NAT is none that the peer named', () => {
  const nat = Buffer.concat([HARD, UNKNOWN_BEHAVIOUR].map(encodeNatBehaviour));
  const guessed = { ...X, port: 7 };
  for (const [endpoint, path] of [
    [Y, 'direct'],
    [guessed, 'hard-nat'],
  ] as const) {
    const bench = relayed();
    const candidates = [{ type: 'port-mapped', endpoint: Y }] as const;
    bench.book.peers.get(formatPublicKey(P))?.offered({ run: 1, nat, candidates });
    const found = bench.book.hardNats(() => ({ behaviour: EASY, port: 1 }), bench.now);
    assert.equal(found.get(formatPublicKey(P))?.role, 'ports');
    bench.peers(peer({ endpoint, persistentKeepalive: 25, ...handshakeAt(0) })).read();
    assert.equal(bench.book.views(bench.now)[0]?.path, path);
  }
});

test('a path is left as broken only where the reading before the change shows that it still is', () => {
  const changeAfter = (receivedBytes: number) => {
    const connected = {
      endpoint: X,
      persistentKeepalive: 25,
      ...handshakeAt(0),
      receivedBytes: 100,
    };
    const bench = new Bench({ isSecret: () => true });
    bench.peers(peer({ ...connected, receivedBytes: 50 })).read();
    bench.told([X, Y]);
    bench.at(18_000).peers(peer(connected)).read();
    for (const [at, sentBytes] of [
      [20_000, 2000],
      [21_600, 3000],
    ] as const) {
      bench
        .at(at)
        .peers(peer({ ...connected, sentBytes }))
        .read();
    }
    for (const [, { to, transaction, observed }] of bench.book.probes(bench.now)) {
      if (observed === undefined && to.address === Y.address) {
        const answer = { from: to, intent: 'waiting', transaction, observed: X } as const;
        bench.book.heard(formatPublicKey(P), answer, bench.now + 50);
      }
    }
    bench.at(23_500).book.switchOvers(bench.now);
    bench.peers(peer({ ...connected, receivedBytes, sentBytes: 3000 }));
    return bench.endpointsSet();
  };
  assert.deepEqual(changeAfter(100), [Y]);
  assert.deepEqual(changeAfter(200), [], 'WireGuard hears the peer again');
});

test('where a NAT is hard no handshake starts without a probe of the other side, for 10 s', () => {
  const unknown = UNKNOWN_BEHAVIOUR;
  const cases: [NatBehaviour, NatBehaviour, boolean][] = [
    [HARD, EASY, false],
    [EASY, HARD, false],
    [HARD, HARD, false],
    [EASY, EASY, true],
    [HARD, unknown, true],
    [unknown, HARD, true],
    [HARD, { ...EASY, translation: 'none' }, true],
  ];
  for (const [own, theirs, starts] of cases) {
    const bench = new Bench({ isSecret: () => true, natBehaviour: () => own });
    bench.read();
    const nat = Buffer.concat([theirs, UNKNOWN_BEHAVIOUR].map(encodeNatBehaviour));
    bench.told([X]).book.peers.get(formatPublicKey(P))?.offered({ run: 1, nat, candidates: [] });
    const changes = [bench.read(), bench.at(1600).read(), bench.at(6000).read()].flat();
    assert.equal(changes.length > 0, starts, JSON.stringify([own, theirs]));
    if (!starts) {
      const late = new Bench({ isSecret: () => true, natBehaviour: () => own });
      late.read();
      late.told([X]).book.peers.get(formatPublicKey(P))?.offered({ run: 1, nat, candidates: [] });
      late.read();
      late.at(12_000).read();
      assert.equal(late.at(13_000).read().length, 1, 'nothing came of the search');
      assert.equal(bench.probe({ ...X, port: 7 }).endpointsSet().length, 1);
    }
  }
});

test('a peer may connect without a survey until its first probe is late, or until it has connected', () => {
  const bench = new Bench({
    isSecret: () => true,
    isSimultaneous: () => true,
    roundTripMs: () => 100,
  });
  bench.read();
  assert.equal(bench.book.connectsBy(0), Number.NEGATIVE_INFINITY, 'it is not known');
  assert.equal(bench.book.isSeeking(0), false);
  bench.at(1000).told([X]);
  assert.equal(bench.book.connectsBy(1000), 1080);
  assert.equal(bench.book.isSeeking(1000), true);
  bench.at(1060).probe(X);
  assert.equal(bench.book.connectsBy(1060), 2500);
  assert.equal(bench.book.isSeeking(1060), false);
  bench
    .at(1150)
    .peers(peer({ endpoint: X, ...handshakeAt(1140) }))
    .read();
  assert.equal(bench.book.connectsBy(1150), 1400);
});

test('probes to one peer are those that all peers together would have had', () => {
  const bench = new Bench({ isSecret: () => true }).peers(peer(), peer({ publicKey: Q }));
  bench.read();
  bench.told([X]).told([Y], Q);
  const key = formatPublicKey(Q);
  const only = bench.book.probesTo(key, 0);
  assert.deepEqual(
    only.map(([to, { to: endpoint }]) => [to, endpoint]),
    [[key, Y]],
  );
  assert.deepEqual(
    bench.book.probes(0).map(([to]) => to),
    [formatPublicKey(P)],
    'they count as sent',
  );
  assert.deepEqual(bench.book.probesTo('unknown', 0), []);
});

test('a way through a hard NAT is sought again where a connected peer moved and does not answer', () => {
  const nat = Buffer.concat([HARD, UNKNOWN_BEHAVIOUR].map(encodeNatBehaviour));
  const guessed = { ...X, port: 7 };
  const bench = new Bench({ isSecret: () => true });
  bench.peers(peer({ endpoint: guessed, persistentKeepalive: 25, ...handshakeAt(0) })).read();
  bench.told([X]);
  bench.book.peers.get(formatPublicKey(P))?.offered({ run: 1, nat, candidates: [] });
  const roles = () =>
    [...bench.book.hardNats(() => ({ behaviour: EASY, port: 1 }), bench.now).values()].map(
      ({ role, remote }) => [role, remote],
    );
  assert.deepEqual(roles(), [], 'the path works');
  bench.at(20_000).told([Y]);
  bench.book.probes(bench.now);
  bench.at(21_300).book.probes(bench.now);
  assert.deepEqual(roles(), [['ports', Y]]);
  assert.equal(bench.book.isLost(guessed, bench.now), false, 'its session may go on');
  bench.at(200_000).book.probes(bench.now);
  assert.equal(bench.book.isLost(guessed, bench.now), true);
  bench.peers(peer({ endpoint: guessed, persistentKeepalive: 25, ...handshakeAt(199_000) })).read();
  assert.equal(bench.book.isLost(guessed, bench.now), false, 'WireGuard made a new session');
  assert.equal(bench.book.isLost(X, bench.now), false, 'WireGuard does not send there');
});

test('a relay is wanted at once where both NATs are hard and nothing else is known, else after a second', () => {
  const easy: NatBehaviour = { ...HARD, mapping: 'endpoint-independent' };
  const host = { type: 'host', endpoint: parseEndpoint('192.168.1.7:51820') } as const;
  const mapped = { type: 'server-reflexive', endpoint: parseEndpoint('198.51.100.2:7') } as const;
  const cases: [NatBehaviour, NatBehaviour, (typeof host | typeof mapped)[], string[], boolean][] =
    [
      [HARD, HARD, [host], [], true],
      [HARD, HARD, [host, mapped], [], false],
      [HARD, easy, [host], [], false],
      [easy, HARD, [host], [], false],
      [UNKNOWN_BEHAVIOUR, HARD, [host], [], false],
      [HARD, HARD, [host], [X.address], false],
    ];
  for (const [own, theirs, candidates, outside, isWanted] of cases) {
    const bench = new Bench({ natBehaviour: () => own, outside: () => outside });
    bench.read();
    const found = bench.told([X]).book.peers.get(formatPublicKey(P));
    const nat = Buffer.concat([theirs, UNKNOWN_BEHAVIOUR].map(encodeNatBehaviour));
    found?.offered({ run: 1, nat, candidates });
    assert.equal(found?.needsRelay(bench.now), isWanted);
    assert.equal(found?.needsRelay(bench.now + 1000), true);
  }
});

test('a NAT that both hosts share and that does not hairpin is the reason after a second without a path', () => {
  const cone: NatBehaviour = { ...UNKNOWN_BEHAVIOUR, translation: 'nat' };
  const sharedNat = (hairpinning: NatBehaviour['hairpinning'], outside: string, ms: number) => {
    const options = { natBehaviour: () => ({ ...cone, hairpinning }), outside: () => [outside] };
    const bench = new Bench(options);
    bench.read();
    bench.told([X]);
    bench.read();
    bench.at(ms).read();
    return bench.book.views(bench.now)[0]?.sharedNat;
  };
  assert.equal(sharedNat('no', X.address, 1000), X.address);
  assert.equal(sharedNat('no', X.address, 999), undefined);
  assert.equal(sharedNat('yes', X.address, 1000), undefined);
  assert.equal(sharedNat('unknown', X.address, 1000), undefined);
  assert.equal(sharedNat('no', Y.address, 1000), undefined);
});

test('a handshake is announced until its change is made, also where WireGuard has the endpoint already', () => {
  const bench = new Bench().peers(peer({ endpoint: X }));
  bench.learn(X);
  assert.deepEqual(bench.book.announcements(bench.now), []);
  const changes = bench.at(10).read();
  assert.deepEqual(changes, [{ publicKey: P, persistentKeepalive: 25, keepaliveNow: false }]);
  const [announcement] = bench.book.announcements(10);
  assert.deepEqual(announcement?.[1].to, X);
  assert.equal(announcement?.[1].intent, 'committed');
  bench.book.changesMade(changes, 2000);
  assert.deepEqual(bench.book.announcements(2000), []);
  // The response to what WireGuard sent then is on its way.
  bench.at(2001).probe(X);
  assert.deepEqual(bench.at(2100).read(), []);
});
