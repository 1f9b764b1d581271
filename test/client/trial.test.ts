import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECTING_MS } from '../../src/client/timing.js';
import { type Endpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import { Bench, handshakeAt, peer, X, Y } from './bench.js';

const Z = parseEndpoint('[2001:db8::4]:51820');

/** Reads the interface as the last change left it; returns the endpoint of the change to make. */
function follow(bench: Bench): Endpoint | undefined {
  const [change] = bench.read();
  if (change?.endpoint !== undefined) {
    bench.peers(peer({ endpoint: change.endpoint, persistentKeepalive: 25 }));
  }
  return change?.endpoint;
}

/** A bench at time 0 beside a peer whose candidates are known and not tried yet. */
function offered(...candidates: [Endpoint, ...Endpoint[]]): Bench {
  const bench = new Bench();
  bench.read();
  return bench.told(candidates);
}

test('each candidate has its time, then comes the next, and the first again', () => {
  const bench = offered(Z, X, Y);
  const set: (readonly [number, Endpoint])[] = [];
  for (; bench.now <= 3 * CONNECTING_MS; bench.now += 100) {
    const endpoint = follow(bench);
    if (endpoint !== undefined) {
      set.push([bench.now, endpoint]);
    }
    bench.told([Z, X, Y]);
  }
  assert.deepEqual(
    set,
    [Z, X, Y, Z].map((endpoint, i) => [i * CONNECTING_MS, endpoint]),
  );
});

test('a peer that connects keeps the candidate, and next time the first is tried first', () => {
  const bench = offered(Z, X, Y);
  assert.equal(follow(bench), Z);
  assert.equal(follow(bench.at(CONNECTING_MS)), X);
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25, ...handshakeAt(CONNECTING_MS) }));
  for (let now = CONNECTING_MS; now < CONNECTING_MS + 150_000; now += 5_000) {
    assert.equal(follow(bench.at(now).told([Z, X, Y])), undefined, `at ${now}`);
  }
  assert.equal(follow(bench.at(CONNECTING_MS + 150_000)), undefined);
  assert.equal(follow(bench.told([Z, X, Y])), Z);
});

test('where WireGuard roamed to while candidates are tried stands', () => {
  const bench = offered(Z, X);
  assert.equal(follow(bench), Z);
  bench.peers(peer({ endpoint: Y, persistentKeepalive: 25 }));
  assert.equal(follow(bench.at(2 * CONNECTING_MS)), undefined);
});

test('a candidate that is taken back gives way at once', () => {
  const bench = offered(Z, X);
  assert.equal(follow(bench), Z);
  assert.equal(follow(bench.told([Y, X])), Y);
});

test('after a change that failed the next candidate is tried', () => {
  const bench = offered(Z, X);
  assert.equal(bench.read()[0]?.endpoint, Z);
  bench.book.changesFailed(bench.now);
  assert.equal(follow(bench.at(2000)), X);
});
