import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Endpoint, parseEndpoint } from '../../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../../src/wire/key.js';
import { Bench, handshakeAt, P, peer, Q, X, Y } from '../bench.js';

test('requests about an unknown peer are 200 ms apart, then less frequent, at most 2 s apart', () => {
  const bench = new Bench();
  bench.read();
  const times = bench.askedUntil(30_000, () => 'unknown');
  const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
  assert.equal(times[0], 0);
  assert.deepEqual(gaps.slice(0, 5), [200, 200, 200, 200, 200]);
  assert.ok(gaps.every((gap, i) => i === 0 || gap >= (gaps[i - 1] as number)));
  assert.equal(gaps.at(-1), 2000);
  assert.equal(bench.state(), 'unknown');
});

test('requests about a peer that stays unknown for five minutes are 25 s apart', () => {
  const bench = new Bench();
  bench.read();
  const times = bench.askedUntil(600_000, () => 'unknown');
  const late = times.filter((time) => time > 330_000);
  assert.ok(times.length > 150);
  assert.ok(late.length > 5);
  assert.ok(late.every((time, i) => i === 0 || time - (late[i - 1] as number) === 25_000));
});

test('an undecided inquiry leaves something to wait for', () => {
  const bench = new Bench().peers(peer(), peer({ publicKey: Q }));
  bench.read();
  bench.askedUntil(4_000, (theirs) => (theirs === formatPublicKey(Q) ? X : undefined));
  bench.peers(peer({ ...handshakeAt(4_000) })).read();
  assert.equal(bench.ask(), undefined);
  assert.ok(bench.schedule.nextAt(bench.now) > bench.now);
});

test('a connected peer costs one refresh every 25 s', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  assert.deepEqual(
    bench.askedUntil(80_000, () => Y),
    [0, 50_000, 75_000],
  );
  assert.deepEqual(bench.checks, [25_000]);
});

test('a registration is refreshed as often as the user says', () => {
  const bench = new Bench({ refreshMs: 8000 }).peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  assert.deepEqual(
    bench.askedUntil(20_000, () => Y),
    [0, 16_000],
  );
  assert.deepEqual(bench.checks, [8000]);
});

test('a refresh without a reply is repeated', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  assert.deepEqual(bench.askedUntil(5_000), [0, 500, 1500]);
});

test('the first request about a new peer is sent at once', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  bench.askedUntil(1000, () => Y);
  bench.peers(peer({ endpoint: Y, ...handshakeAt(0) }), peer({ publicKey: Q })).read();
  assert.equal(bench.ask(), formatPublicKey(Q));
});

test('one request is in flight at a time, and a silent peer does not starve the others', () => {
  const bench = new Bench().peers(peer(), peer({ publicKey: Q }));
  bench.read();
  const asked: string[] = [];
  bench.askedUntil(20_000, (theirs) => {
    asked.push(theirs);
    return theirs === formatPublicKey(Q) ? Y : undefined;
  });
  assert.deepEqual(asked.slice(0, 3), Array(3).fill(formatPublicKey(P)));
  assert.deepEqual(
    bench
      .probe(Y)
      .read()
      .map(({ publicKey: key, endpoint }) => [key, endpoint]),
    [[Q, Y]],
  );
});

test('replies held back until the next peer is asked are not credited to it', () => {
  const bench = new Bench().peers(peer(), peer({ publicKey: Q }));
  bench.read();
  const held: Endpoint[] = [];
  bench.askedUntil(20_000, (theirs) => {
    if (theirs === formatPublicKey(P)) {
      held.push(X);
      return undefined;
    }
    return held.shift() ?? Y;
  });
  const changes = bench.probe(X).probe(Y).read();
  assert.ok(changes.length > 0);
  for (const { publicKey: key, endpoint } of changes) {
    assert.deepEqual(endpoint, key === Q ? Y : X);
  }
});

test('the request about the next peer follows the answer at once', () => {
  const keys = Array.from({ length: 100 }, (_, i) => publicKey(new Uint8Array(32).fill(10 + i)));
  const bench = new Bench().peers(...keys.map((key) => peer({ publicKey: key })));
  bench.read();
  for (const key of keys) {
    assert.equal(bench.ask(), formatPublicKey(key));
    bench.at(bench.now + 5).answer(X);
    assert.deepEqual(bench.book.peers.get(formatPublicKey(key))?.answer, [X]);
  }
});

test('an answer about another peer that comes sooner than one can is taken for a duplicate', () => {
  const bench = new Bench().peers(peer(), peer({ publicKey: Q }));
  bench.read();
  bench.ask();
  bench.at(50).answer(X);
  assert.equal(bench.ask(), formatPublicKey(Q));
  const answerOfQ = () => bench.book.peers.get(formatPublicKey(Q))?.answer;
  bench.at(60).answer(X);
  assert.equal(answerOfQ(), undefined);
  bench.at(100).answer(Y);
  assert.deepEqual(answerOfQ(), undefined, 'nothing is in flight: the duplicate was counted');
  assert.equal(bench.at(110).ask(), formatPublicKey(Q));
  bench.at(160).answer(Y);
  assert.deepEqual(answerOfQ(), [Y]);
});

test('a request about an undecided peer is repeated after 10 ms at the soonest', () => {
  const bench = new Bench().peers(peer(), peer({ publicKey: Q }));
  bench.read();
  let port = 1;
  const times: number[] = [];
  for (; bench.now < 5000; bench.now += 1) {
    const theirs = bench.ask();
    if (theirs === formatPublicKey(Q)) {
      times.push(bench.now);
      bench.answer(parseEndpoint(`198.51.100.9:${port++}`));
    }
  }
  assert.ok(times.length > 50);
  assert.ok(times.every((time, i) => i === 0 || time - (times[i - 1] as number) >= 10));
});

test('a changed address registers anew at once', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  bench.askedUntil(1000, () => Y);
  assert.equal(bench.ask(), undefined);
  bench.schedule.refreshNow();
  assert.notEqual(bench.ask(), undefined);
});

test('a peer shows for how long the server has not known it', () => {
  const bench = new Bench();
  bench.read();
  bench.askedUntil(1000, () => 'unknown');
  const unknownFor = () => bench.book.views(bench.now)[0]?.unknownForMs;
  bench.at(2000).read();
  bench.at(40_000).read();
  assert.equal(unknownFor(), 38_000);
  bench.askedUntil(bench.now + 3000, () => X);
  bench.read();
  assert.equal(unknownFor(), undefined);
});

test('a request that could not leave is no lost one, and is made again when it may be', () => {
  const bench = new Bench();
  bench.read();
  for (let i = 0; i < 20; i++) {
    assert.notEqual(bench.ask(), undefined);
    bench.schedule.sendFailed(bench.now + 1000);
    assert.equal(bench.ask(), undefined);
    assert.equal(bench.schedule.nextAt(bench.now), bench.now + 1000);
    bench.at(bench.now + 1000);
  }
  assert.equal(bench.schedule.silentRequests, 0);
});

test('a client looks itself up between requests, never before or among the first ones', () => {
  const bench = new Bench();
  bench.read();
  const withChecks = bench.askedUntil(400_000, () => 'unknown');
  const [first, second, ...more] = bench.checks;
  assert.ok(first !== undefined && first >= 5000 && first < 8000, `first check after ${first} ms`);
  assert.ok(second !== undefined && second - first >= 300_000 && second - first < 302_000);
  assert.deepEqual(more, []);
  const without = new Bench();
  without.seenAt = undefined;
  without.read();
  assert.deepEqual(
    withChecks.filter((time) => time <= 5000),
    without.askedUntil(5000, () => 'unknown'),
  );
  for (const check of bench.checks) {
    const next = withChecks.find((time) => time > check) as number;
    assert.ok(next - check >= 250, `a request ${next - check} ms after the check`);
  }
});

test('a check waits a minute for missing replies, and then takes a second reply to be sure', () => {
  const bench = new Bench();
  bench.read();
  bench.askedUntil(90_000, () => (bench.now < 200 ? undefined : 'unknown'));
  const [first, second, ...more] = bench.checks;
  assert.equal(first, 65_000);
  assert.equal((second as number) - (first as number), 10);
  assert.deepEqual(more, []);
  assert.ok(bench.schedule.observed);
});

test('a lost check is not repeated for five minutes', () => {
  const bench = new Bench();
  bench.seenAt = undefined;
  bench.read();
  bench.askedUntil(300_000, () => 'unknown');
  assert.equal(bench.checks.length, 1);
});

test('a lost check that stood for a refresh is followed by the refresh', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.seenAt = undefined;
  bench.read();
  const times = bench.askedUntil(30_000, () => Y);
  // Asked twice, because the first reply may be that to the check.
  assert.deepEqual([bench.checks, times], [[25_000], [0, 25_500, 25_510]]);
});

test('the late reply to a check is not credited to a peer', () => {
  const bench = new Bench();
  bench.seenAt = undefined;
  bench.read();
  let held = false;
  bench.askedUntil(12_000, () => {
    if (bench.checks.length > 0 && !held) {
      held = true;
      bench.schedule.replied(parseEndpoint('203.0.113.9:51820'), bench.now);
      assert.equal(bench.book.peers.get(formatPublicKey(P))?.answer, 'unknown');
    }
    return 'unknown';
  });
  assert.ok(held);
  assert.equal(bench.schedule.observed, undefined);
});

test('a host that the server does not keep is noticed by two empty checks, and so is the end of it', () => {
  const bench = new Bench();
  bench.seenAt = 'unknown';
  bench.read();
  const untilCheck = (count: number) => {
    while (bench.checks.length < count) {
      bench.askedUntil(bench.now + 10, () => 'unknown');
    }
    return bench.schedule.isNotKept;
  };
  assert.equal(untilCheck(1), false);
  assert.equal(untilCheck(2), true);
  assert.ok((bench.checks[1] as number) - (bench.checks[0] as number) < 5000);
  bench.seenAt = X;
  assert.equal(untilCheck(3), false);
  assert.deepEqual(bench.schedule.observed, X);
});

test("an observed address does not outlive a change of the server or of this host's address", () => {
  const bench = new Bench();
  bench.read();
  bench.askedUntil(10_000, () => 'unknown');
  assert.ok(bench.schedule.observed);
  bench.schedule.refreshNow();
  const before = bench.checks.length;
  bench.askedUntil(bench.now + 5000, () => 'unknown');
  assert.equal(bench.checks.length, before + 1);
  bench.schedule.channelChanged();
  assert.equal(bench.schedule.observed, undefined);
});

test('a check leaves the first requests about a new peer alone', () => {
  const bench = new Bench();
  bench.read();
  bench.askedUntil(4_900, () => 'unknown');
  bench.peers(peer(), peer({ publicKey: Q })).read();
  const aboutQ: number[] = [];
  bench.askedUntil(20_000, (theirs) => {
    if (theirs === formatPublicKey(Q)) {
      aboutQ.push(bench.now);
    }
    return 'unknown';
  });
  assert.deepEqual(aboutQ.slice(0, 5), [4_910, 5_110, 5_310, 5_510, 5_710]);
  assert.ok((bench.checks[0] as number) > 5_710, `check at ${bench.checks[0]}`);
});
