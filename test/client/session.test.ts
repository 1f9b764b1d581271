import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session } from '../../src/client/session.js';
import { parseEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, publicKey } from '../../src/wire/key.js';
import type { Device, Peer } from '../../src/wireguard/device.js';

const WALL = 1_700_000_000_000;
const MINE = publicKey(new Uint8Array(32).fill(1));
const P = publicKey(new Uint8Array(32).fill(2));
const Q = publicKey(new Uint8Array(32).fill(3));
const X = parseEndpoint('198.51.100.2:51820');
const Y = parseEndpoint('198.51.100.3:51820');

function peer(fields: Partial<Peer> = {}): Peer {
  return {
    publicKey: P,
    endpoint: undefined,
    allowedIps: ['10.0.0.2/32'],
    latestHandshakeMs: 0,
    receivedBytes: 0,
    sentBytes: 0,
    persistentKeepalive: 0,
    ...fields,
  };
}

/** A session on a fake clock beside an interface whose state the test sets. */
class Bench {
  now = 0;
  session: Session;
  device: Device = { publicKey: MINE, listenPort: 51820, fwmark: 0, peers: [peer()] };

  constructor(options: { keepalive?: number; only?: ReadonlySet<string> } = {}) {
    this.session = new Session({ keepalive: 25, ...options });
  }

  at(now: number): this {
    this.now = now;
    return this;
  }

  peers(...peers: Peer[]): this {
    this.device = { ...this.device, peers };
    return this;
  }

  read() {
    return this.session.deviceRead(this.device, this.now, WALL + this.now);
  }

  ask(): string | undefined {
    const request = this.session.nextRequest(this.now);
    return request && formatPublicKey(request.theirs);
  }

  answer(value: typeof X | 'unknown'): this {
    this.session.replied(value, this.now);
    return this;
  }

  /** Lets time pass, asking whenever the session wants to; returns when it asked. */
  askedUntil(end: number, reply?: (theirs: string) => typeof X | 'unknown' | undefined): number[] {
    const times: number[] = [];
    for (; this.now <= end; this.now += 10) {
      const theirs = this.ask();
      if (theirs !== undefined) {
        times.push(this.now);
        const answer = reply?.(theirs);
        if (answer !== undefined) {
          this.answer(answer);
        }
      }
    }
    return times;
  }

  state(): string | undefined {
    return this.session.peers(this.now)[0]?.state;
  }
}

const handshakeAt = (ms: number) => ({ latestHandshakeMs: WALL + ms });

test('an unknown peer is asked about 200 ms apart, then less often, at most 2 s apart', () => {
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

test('a peer that stays unknown for five minutes is asked about every 25 s', () => {
  const bench = new Bench();
  bench.read();
  const times = bench.askedUntil(600_000, () => 'unknown');
  const late = times.filter((time) => time > 330_000);
  assert.ok(times.length > 150);
  assert.ok(late.length > 5);
  assert.ok(late.every((time, i) => i === 0 || time - (late[i - 1] as number) === 25_000));
});

test('a step of the wall clock makes no handshake older or younger', () => {
  const connected = peer({ endpoint: Y, ...handshakeAt(0) });
  for (const step of [-3_600_000, 3_600_000]) {
    const bench = new Bench().peers(connected);
    bench.read();
    bench.at(100_000);
    bench.session.deviceRead(bench.device, bench.now, WALL + bench.now + step);
    assert.equal(bench.state(), 'connected');
    bench.at(150_000);
    bench.session.deviceRead(bench.device, bench.now, WALL + bench.now + step);
    assert.notEqual(bench.state(), 'connected');
  }
});

test('an undecided inquiry leaves the session something to wait for', () => {
  const bench = new Bench().peers(peer(), peer({ publicKey: Q }));
  bench.read();
  bench.askedUntil(4_000, (theirs) => (theirs === formatPublicKey(Q) ? X : undefined));
  bench.peers(peer({ ...handshakeAt(4_000) })).read();
  assert.equal(bench.ask(), undefined);
  assert.ok(bench.session.nextDecisionAt(bench.now) > bench.now);
});

test('peers of an interface that is gone are forgotten', () => {
  const bench = new Bench();
  bench.read();
  bench.session.peersGone();
  assert.deepEqual(bench.session.peers(bench.now), []);
  assert.equal(bench.ask(), undefined);
});

test('an answer is applied once, with a keepalive where there is none', () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.at(5).answer(X);
  assert.equal(bench.session.pollInterval(bench.now), 0);
  const change = { publicKey: P, endpoint: X, persistentKeepalive: 25, keepaliveNow: false };
  assert.deepEqual(bench.read(), [change]);
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25 }));
  assert.deepEqual(bench.at(300).read(), []);
  assert.equal(bench.state(), 'connecting');
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25, ...handshakeAt(300) }));
  assert.deepEqual(bench.at(400).read(), []);
  assert.equal(bench.state(), 'connected');
});

test('an existing keepalive stays, and is triggered', () => {
  const bench = new Bench().peers(peer({ persistentKeepalive: 7 }));
  bench.read();
  bench.ask();
  bench.answer(X);
  assert.deepEqual(bench.read(), [
    { publicKey: P, endpoint: X, persistentKeepalive: 7, keepaliveNow: true },
  ]);
});

test('without a wish for keepalives only the endpoint is set', () => {
  const bench = new Bench({ keepalive: 0 });
  bench.read();
  bench.ask();
  bench.answer(X);
  assert.deepEqual(bench.read(), [{ publicKey: P, endpoint: X, keepaliveNow: false }]);
});

test('a peer with a fresh handshake is never touched, whatever the server says', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  for (let now = 0; now < 149_000; now += 1000) {
    bench.at(now);
    if (bench.ask() !== undefined) {
      bench.answer(X);
    }
    assert.deepEqual(bench.read(), [], `at ${now}`);
  }
});

test('a connected peer costs one refresh every 25 s', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  assert.deepEqual(
    bench.askedUntil(80_000, () => Y),
    [0, 25_000, 50_000, 75_000],
  );
});

test('a refresh without a reply is repeated', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  assert.deepEqual(bench.askedUntil(5_000), [0, 500, 1500]);
});

test('a stale handshake is acted upon, with a new answer only', () => {
  const bench = new Bench().peers(
    peer({ endpoint: Y, persistentKeepalive: 25, ...handshakeAt(0) }),
  );
  bench.read();
  bench.ask();
  bench.answer(X);
  bench.at(1000).read();
  assert.deepEqual(bench.at(150_000).read(), [], 'the old answer is not news');
  assert.notEqual(bench.ask(), undefined);
  bench.answer(X);
  assert.deepEqual(
    bench.read().map(({ endpoint }) => endpoint),
    [X],
  );
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

test("WireGuard's roaming is not fought", () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.answer(X);
  assert.equal(bench.read().length, 1);
  bench.peers(peer({ endpoint: Y, persistentKeepalive: 25 }));
  const asked = bench.askedUntil(10_000, () => X);
  assert.ok(asked.length > 3);
  assert.deepEqual(bench.read(), [], 'the same answer again changes nothing');
});

test('a moved peer is followed', () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.answer(X);
  bench.read();
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25 }));
  bench.askedUntil(3000, () => Y);
  assert.deepEqual(
    bench.read().map(({ endpoint }) => endpoint),
    [Y],
  );
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
  assert.equal(bench.session.nextDecisionAt(bench.now), Number.POSITIVE_INFINITY);
});

test('a peer that our own change brought back is removed again', () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.answer(X);
  assert.equal(bench.read().length, 1);
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25, allowedIps: [] }));
  assert.deepEqual(bench.read(), [{ publicKey: P, remove: true }]);
  bench.peers();
  assert.deepEqual(bench.read(), []);
});

test('a peer that never had allowed IPs is not taken for one brought back', () => {
  const bench = new Bench().peers(peer({ allowedIps: [] }));
  bench.read();
  bench.ask();
  bench.answer(X);
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

test('a new peer is asked about at once', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  bench.askedUntil(1000, () => Y);
  bench.peers(peer({ endpoint: Y, ...handshakeAt(0) }), peer({ publicKey: Q })).read();
  assert.equal(bench.ask(), formatPublicKey(Q));
});

test('a recreated interface gets the endpoint again', () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.answer(X);
  bench.read();
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25, ...handshakeAt(100) }));
  bench.at(200).read();
  bench.peers(peer());
  bench.at(2200).read();
  assert.notEqual(bench.ask(), undefined);
  bench.answer(X);
  assert.deepEqual(
    bench.read().map(({ endpoint }) => endpoint),
    [X],
  );
});

test('an endpoint that went away before any handshake is set again', () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.answer(X);
  bench.read();
  bench.peers(peer({ endpoint: X, persistentKeepalive: 25 }));
  assert.deepEqual(bench.read(), []);
  bench.peers(peer());
  assert.equal(bench.read().length, 1);
});

test('a change that failed is made again', () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.answer(X);
  assert.equal(bench.read().length, 1);
  bench.session.changesFailed(bench.now);
  assert.equal(bench.at(1000).read().length, 0, 'not at once: wg would be run again and again');
  assert.notEqual(bench.session.pollInterval(bench.now), 0);
  assert.equal(bench.at(2000).read().length, 1);
});

test('another key of our own starts everything anew', () => {
  const bench = new Bench();
  bench.read();
  bench.ask();
  bench.answer(X);
  bench.device = { ...bench.device, publicKey: Q, peers: [peer()] };
  assert.deepEqual(bench.read(), []);
  assert.equal(bench.state(), 'asking');
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
    bench.read().map(({ publicKey: key, endpoint }) => [key, endpoint]),
    [[Q, Y]],
  );
});

test('replies held back until the next peer is asked are not credited to it', () => {
  const bench = new Bench().peers(peer(), peer({ publicKey: Q }));
  bench.read();
  const held: (typeof X)[] = [];
  bench.askedUntil(20_000, (theirs) => {
    if (theirs === formatPublicKey(P)) {
      held.push(X);
      return undefined;
    }
    return held.shift() ?? Y;
  });
  const changes = bench.read();
  assert.ok(changes.length > 0);
  for (const { publicKey: key, endpoint } of changes) {
    assert.deepEqual(endpoint, key === Q ? Y : X);
  }
});

test('whatever the server says, requests keep their distance', () => {
  const bench = new Bench().peers(peer(), peer({ publicKey: Q }));
  bench.read();
  let port = 1;
  const times = bench.askedUntil(5_000, () => parseEndpoint(`198.51.100.9:${port++}`));
  assert.ok(times.every((time, i) => i === 0 || time - (times[i - 1] as number) >= 10));
});

test('a changed address registers anew at once', () => {
  const bench = new Bench().peers(peer({ endpoint: Y, ...handshakeAt(0) }));
  bench.read();
  bench.askedUntil(1000, () => Y);
  assert.equal(bench.ask(), undefined);
  bench.session.refreshNow();
  assert.notEqual(bench.ask(), undefined);
});
