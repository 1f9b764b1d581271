import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CheckList } from '../../../src/client/paths/check-list.js';
import {
  MAX_CANDIDATES,
  type RemoteCandidate,
} from '../../../src/client/paths/remote-candidate.js';
import { type Endpoint, parseEndpoint } from '../../../src/wire/endpoint.js';
import { X, Y } from '../bench.js';

const HOST = parseEndpoint('192.168.1.7:51820');
const V6 = parseEndpoint('[2001:db8::7]:51820');

const observed = (endpoint: Endpoint): RemoteCandidate => ({
  type: 'server-reflexive',
  endpoint,
  isOffered: false,
});
const offered = (endpoint: Endpoint): RemoteCandidate => ({
  type: 'host',
  endpoint,
  isOffered: true,
});

/** A list of checks that began at 0. */
function started(...candidates: RemoteCandidate[]): CheckList {
  let transaction = 0;
  const checks = new CheckList(() => transaction++);
  checks.set(candidates, 0);
  checks.begin(true, 0);
  return checks;
}

/** The requests until a time, by endpoint. */
function sentUntil(checks: CheckList, end: number, from = 0): Map<string, number> {
  const counts = new Map<string, number>();
  for (let now = from; now < end; now += 5) {
    for (const { to } of checks.due(now)) {
      counts.set(to.address, (counts.get(to.address) ?? 0) + 1);
    }
  }
  return counts;
}

/** Has a request to an endpoint answered from there after a while. */
function answer(checks: CheckList, endpoint: Endpoint, now: number, roundTripMs: number) {
  const request = checks.due(now).find(({ to }) => to === endpoint);
  assert.ok(request);
  return checks.responded(endpoint, request.transaction, now + roundTripMs);
}

describe('a check list', () => {
  it('sends the rest of an offered round that ended early, and no more, in the next rounds', () => {
    const checks = started(observed(X), offered(HOST));
    assert.equal(sentUntil(checks, 60).get(HOST.address), 2);
    checks.stop();
    checks.beginOnly(X, 20_000);
    assert.equal(sentUntil(checks, 25_000, 20_000).get(HOST.address), undefined);
    checks.begin(true, 30_000);
    assert.equal(sentUntil(checks, 40_000, 30_000).get(HOST.address), 10);
    checks.begin(true, 50_000);
    assert.equal(sentUntil(checks, 55_000, 50_000).get(HOST.address), undefined);
  });

  it('answers a request after the round by a probe, twice a second and to no third party', () => {
    const checks = started(observed(X), offered(HOST));
    sentUntil(checks, 10_000);
    const counts = new Map<string, number>();
    for (let now = 10_000; now < 12_000; now += 100) {
      checks.requested(X, false, now);
      checks.requested(HOST, false, now);
      for (const { to } of checks.due(now)) {
        counts.set(to.address, (counts.get(to.address) ?? 0) + 1);
      }
    }
    assert.deepEqual([...counts], [[X.address, 4]]);
  });

  it('sends 12 probes to each candidate of an attempt, and 4 in a later round', () => {
    const checks = started(observed(X), offered(HOST));
    assert.deepEqual(Object.fromEntries(sentUntil(checks, 10_000)), {
      [X.address]: 12,
      [HOST.address]: 12,
    });
    checks.begin(false, 10_000);
    assert.deepEqual(
      Object.fromEntries(sentUntil(checks, 20_000, 10_000)),
      { [X.address]: 4 },
      'none to one that only the peer names',
    );
  });

  it('announces by one more probe, whatever else is due, and none where that cannot arrive', () => {
    const checks = started(
      observed(X),
      ...[1, 2, 3, 4].map((i) => offered(parseEndpoint(`192.168.2.${i}:51820`))),
    );
    assert.ok(!checks.due(0).some(({ to }) => to === X), 'others have used up the pace');
    assert.equal(checks.announce(X, 1)?.to, X);
    assert.equal(checks.announce(Y, 1), undefined);
    // The round has its probes all the same.
    assert.equal(sentUntil(checks, 10_000, 5).get(X.address), 12);
    assert.equal(checks.announce(X, 10_000)?.to, X);
    assert.deepEqual(checks.due(10_001), []);
    checks.begin(true, 60_000, 5);
    assert.equal(checks.announce(X, 60_000), undefined, 'the opener comes first');
    checks.due(60_000);
    assert.equal(checks.announce(X, 60_005), undefined, 'it is on its way');
    assert.equal(checks.announce(X, 60_015)?.ttl, undefined);
  });

  it('sends an opener to where the server sees the peer first, and the rest 15 ms later', () => {
    const reflexive = { ...observed(Y), type: 'peer-reflexive' } as const;
    const checks = started(offered(HOST), observed(V6), observed(X), reflexive);
    checks.begin(true, 0, 3);
    assert.equal(checks.heldUntil(X, 0), 15);
    assert.equal(checks.heldUntil(V6, 0) <= 0, true);
    const first = checks.due(0);
    assert.deepEqual(
      first.map(({ to, ttl }) => ({ to, ttl })),
      [X, HOST, V6, Y].map((to) => ({ to, ttl: to === X ? 3 : undefined })),
      'before all others, whose pace it shares',
    );
    assert.equal(checks.nextAt(0), 15);
    assert.deepEqual(checks.due(14), []);
    const [second] = checks.due(15);
    assert.equal(second?.to, X);
    assert.equal(second.ttl, undefined);
    assert.equal(1 + 1 + (sentUntil(checks, 10_000, 16).get(X.address) ?? 0), 12);
  });

  it('holds back what follows an opener also in a round that begins meanwhile', () => {
    const checks = started(observed(X));
    checks.begin(true, 0, 3);
    checks.due(0);
    checks.set([observed(V6), observed(X)], 5);
    checks.begin(true, 5, 3);
    assert.equal(checks.heldUntil(X, 5), 15);
    assert.deepEqual(
      checks.due(5).map(({ to }) => to),
      [V6],
    );
    assert.deepEqual(
      checks.due(15).map(({ to, ttl }) => [to, ttl]),
      [[X, undefined]],
    );
  });

  it('needs no opener where the peer was heard, or a probe was sent in the last 30 s', () => {
    const heard = started(observed(X));
    heard.begin(true, 0, 3);
    heard.requested(X, false, 0);
    assert.deepEqual(
      heard.due(0).map(({ ttl }) => ttl),
      [undefined],
    );
    const held = started(observed(X));
    held.begin(true, 0, 3);
    held.due(0);
    held.requested(X, false, 4);
    assert.ok(held.heldUntil(X, 4) <= 4);
    assert.equal(held.due(4)[0]?.ttl, undefined);
    held.stop();
    held.begin(true, 29_000, 3);
    assert.equal(held.due(29_000)[0]?.ttl, undefined);
    held.stop();
    held.begin(true, 60_000, 3);
    assert.equal(held.due(60_000)[0]?.ttl, 3);
  });

  it('sends no more than 50 probes a second', () => {
    const many = Array.from({ length: 16 }, (_, i) => offered({ ...HOST, port: 1000 + i }));
    const checks = started(...many);
    let sent = 0;
    for (let now = 0; now < 1000; now++) {
      sent += checks.due(now).length;
    }
    assert.ok(sent <= 54 && sent >= 45, `${sent}`);
  });

  it('spares a candidate that answered the limit of those that only the peer names, for 10 minutes', () => {
    const checks = started(offered(HOST));
    assert.ok(answer(checks, HOST, 0, 5));
    checks.begin(false, 10_000);
    assert.equal(sentUntil(checks, 20_000, 10_000).get(HOST.address), 4);
    checks.begin(true, 700_000);
    assert.equal(sentUntil(checks, 710_000, 700_000).get(HOST.address), 12);
    checks.begin(true, 710_000);
    assert.equal(sentUntil(checks, 720_000, 710_000).size, 0);
  });

  it('sends no more than 192 probes a minute where only the peer names endpoints, however often', () => {
    const checks = started();
    let sent = 0;
    for (let now = 0; now < 60_000; now += 20) {
      if (now % 1000 === 0) {
        const named = Array.from({ length: 40 }, (_, i) =>
          offered({ ...HOST, port: 1 + now / 10 + i }),
        );
        checks.set(named, now);
        checks.begin(true, now);
      }
      sent += checks.due(now).length;
    }
    assert.ok(sent <= 192, `${sent}`);
  });

  it('has 16 candidates at the most, those of requests from elsewhere included', () => {
    const checks = started(observed(X));
    for (let port = 1; port < 100; port++) {
      checks.requested({ ...Y, port }, true, 0);
    }
    assert.equal(checks.candidates.length, MAX_CANDIDATES);
    checks.set(
      Array.from({ length: 40 }, (_, i) => offered({ ...HOST, port: 1 + i })),
      0,
    );
    assert.equal(checks.candidates.length, MAX_CANDIDATES);
  });

  it('takes a response for what it answers, from where the request went, once', () => {
    const checks = started(observed(X), observed(Y));
    const [toX, toY] = checks.due(0);
    assert.ok(toX && toY);
    assert.equal(checks.responded(X, toY.transaction, 20), undefined, 'from elsewhere');
    assert.equal(checks.responded(X, 4711, 20), undefined, 'to no request');
    assert.deepEqual(checks.responded(X, toX.transaction, 30)?.roundTripMs, 30);
    assert.equal(checks.responded(X, toX.transaction, 31), undefined, 'again');
  });

  it('prefers a host to IPv6, and IPv6 to IPv4, among those that are heard', () => {
    const checks = started(observed(X), observed(V6), offered(HOST));
    const best = () => checks.best?.endpoint;
    assert.equal(best(), undefined);
    checks.requested(X, true, 10);
    assert.equal(best(), X);
    checks.requested(V6, true, 11);
    assert.equal(best(), V6);
    checks.requested(HOST, true, 12);
    assert.equal(best(), HOST);
    checks.begin(false, 1000);
    assert.equal(best(), undefined, 'nothing is heard in the next round');
  });

  it('prefers the port that answers among those of a hard NAT that are heard', () => {
    const checks = started(observed(X));
    const [first, second] = [1, 2].map((port) => ({ ...X, port })) as [Endpoint, Endpoint];
    assert.ok(checks.requested(first, true, 100));
    assert.ok(checks.requested(second, true, 101));
    assert.equal(checks.best?.endpoint.port, 1, 'none has answered');
    const request = checks.due(110).find(({ to }) => to.port === 2);
    assert.ok(request && checks.responded(second, request.transaction, 160));
    assert.equal(checks.best?.endpoint.port, 2);
  });

  it('measures the shortest round trip of a path', () => {
    const checks = started(observed(X));
    assert.equal(answer(checks, X, 0, 80)?.roundTripMs, 80);
    assert.equal(answer(checks, X, 100, 50)?.roundTripMs, 50);
    assert.equal(answer(checks, X, 200, 70)?.roundTripMs, 50);
    assert.equal(checks.find(X)?.roundTripMs, 50);
    assert.equal(checks.validSince(270)?.candidate.endpoint, X);
    assert.equal(checks.validSince(271), undefined);
  });

  it('answers a request from a candidate with a probe at once, as a triggered check', () => {
    const checks = started(observed(X));
    checks.due(0);
    assert.deepEqual(checks.due(10), []);
    checks.requested(X, true, 10);
    assert.equal(checks.due(10).length, 1);
  });

  it('forgets the source of a request when nothing arrived from there for 3 minutes', () => {
    const checks = started(observed(X));
    checks.requested(Y, true, 0);
    checks.set([observed(X)], 179_000);
    assert.equal(checks.candidates.length, 2);
    checks.set([observed(X)], 181_000);
    assert.equal(checks.candidates.length, 1);
  });

  it('says when it is due, and is silent once it is stopped', () => {
    const checks = started(observed(X));
    checks.due(0);
    assert.equal(checks.nextAt(0), 50);
    checks.stop();
    assert.equal(checks.nextAt(0), Number.POSITIVE_INFINITY);
    assert.deepEqual(checks.due(1000), []);
  });
});
