import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ConnectAttempt, type OutgoingOpener } from '../../src/client/connect-attempt.js';
import type { Candidates } from '../../src/client/finder.js';
import { CONNECTING_MS } from '../../src/client/timing.js';
import { type Endpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import type { Intent } from '../../src/wire/opener.js';
import { peer, X, Y } from './bench.js';
import { type PairOptions, SimulatedPair } from './simulated-pair.js';

const Z = parseEndpoint('[2001:db8::4]:51820');
const ROUND_TRIPS = [1, 10, 50, 100, 200, 400, 600];

/** Runs a pair for at most 30 s; says when both sides were connected. */
function connect(options: PairOptions): { ms: number; pair: SimulatedPair } {
  const pair = new SimulatedPair(options);
  return { ms: pair.run(30_000), pair };
}

describe('a pair of clients of ours', () => {
  for (const roundTripMs of ROUND_TRIPS) {
    for (const leader of [0, 1] as const) {
      it(`connects in 2 round trips at ${roundTripMs} ms, side ${leader} leading`, () => {
        const { ms, pair } = connect({ roundTripMs, leader });
        assert.ok(ms <= 2 * roundTripMs + 40, `${ms} ms`);
        assert.equal(pair.crossings, 0);
        assert.equal(pair.initiations.length, 1);
      });
    }
  }

  it('connects as fast when one side learns of the other later', () => {
    for (const roundTripMs of ROUND_TRIPS) {
      for (const leader of [0, 1] as const) {
        for (const late of [5, 20, 100, 300]) {
          const { ms, pair } = connect({ roundTripMs, leader, learnsAt: [0, late] });
          assert.ok(ms <= late + 2.5 * roundTripMs + 45, `${roundTripMs} ms, ${late} late: ${ms}`);
          assert.equal(pair.crossings, 0);
        }
      }
    }
  });

  it('is connected within 0.7 s and 3 round trips where a handshake window is spent', () => {
    for (const roundTripMs of ROUND_TRIPS) {
      for (const spent of [
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        for (const leader of [0, 1] as const) {
          for (const by of ['keepalives', 'traffic'] as const) {
            const learnsAt = [200, 200] as const;
            const { ms, pair } = connect({ roundTripMs, leader, learnsAt, [by]: spent });
            const limit = 200 + 700 + 3 * roundTripMs;
            assert.ok(ms <= limit, `${by} ${spent}, ${roundTripMs} ms, ${leader} leads: ${ms}`);
            assert.equal(pair.crossings, 0);
          }
        }
      }
    }
  });

  it('connects behind a symmetric NAT on one side where the other has none', () => {
    for (const leader of [0, 1] as const) {
      const { ms, pair } = connect({ roundTripMs: 50, leader, nats: ['symmetric', 'none'] });
      assert.ok(ms <= 150, `${leader} leads: ${ms} ms`);
      assert.equal(pair.crossings, 0);
    }
  });

  it('sends few openers', () => {
    const { pair } = connect({ roundTripMs: 200 });
    assert.ok(pair.openers <= 16, `${pair.openers}`);
  });

  it('never crosses initiations, whatever the round trip, jitter, loss and schedule', () => {
    const options = fc.record({
      roundTripMs: fc.integer({ min: 1, max: 600 }),
      jitter: fc.double({ min: 0, max: 0.25, noNaN: true }),
      loss: fc.double({ min: 0, max: 0.1, noNaN: true }),
      late: fc.integer({ min: 0, max: 3000 }),
      isFirstLate: fc.boolean(),
      leader: fc.constantFrom(0 as const, 1 as const),
      wgMs: fc.integer({ min: 1, max: 60 }),
      estimate: fc.double({ min: 0.5, max: 2, noNaN: true }),
      keepalives: fc.tuple(fc.boolean(), fc.boolean()),
      replace: fc.boolean(),
      seed: fc.integer({ min: 1, max: 1_000_000 }),
    });
    fc.assert(
      fc.property(options, ({ jitter, late, isFirstLate, estimate, ...rest }) => {
        const { roundTripMs, replace } = rest;
        const { pair } = connect({
          ...rest,
          // Two WireGuards with a keepalive that may not be replaced repeat by themselves.
          keepalives: replace ? rest.keepalives : [false, false],
          jitterMs: jitter * roundTripMs,
          estimateMs: estimate * roundTripMs,
          learnsAt: isFirstLate ? [late, 0] : [0, late],
        });
        assert.equal(pair.crossings, 0);
      }),
      // Losses can hide all evidence from a side, so the schedules are the same in each run.
      { numRuns: 3000, seed: 1 },
    );
  });

  it('connects within 2 s of both knowing, at 50 ms with loss and jitter, in 95 of 100 cases', () => {
    const times = Array.from({ length: 1000 }, (_, seed) => {
      const { ms } = connect({ roundTripMs: 50, jitterMs: 25, loss: 0.06, seed: seed * 7919 + 1 });
      return ms;
    }).sort((a, b) => a - b);
    assert.ok((times[950] as number) <= 2000, `p95 ${times[950]} ms`);
  });
});

describe('a client of ours and one that sets the endpoint as soon as it knows it', () => {
  for (const leader of [0, 1] as const) {
    it(`connects as fast as two of the latter, side ${leader} leading`, () => {
      for (const roundTripMs of ROUND_TRIPS) {
        for (const other of [0, 400, 2000]) {
          const clients = [true, false] as const;
          const learnsAt = [50, 50 + other] as const;
          const { ms } = connect({ roundTripMs, leader, clients, learnsAt });
          const limit = other + 2 * roundTripMs + 90;
          assert.ok(ms <= limit, `${roundTripMs} ms, known after ${other}: ${ms} ms`);
        }
      }
    });
  }
});

/** One side of a pair at time 0, with an opener of the other side where `intent` is given. */
function attempt(leads: boolean, candidates: Candidates = [X], intent?: Intent): ConnectAttempt {
  const one = new ConnectAttempt(leads, () => 50);
  one.aim(candidates, 0);
  if (intent !== undefined) {
    one.heard(candidates[0], { intent, stamp: 0 }, 0);
  }
  return one;
}

const start = (one: ConnectAttempt, now: number, endpoint?: Endpoint) =>
  one.start(peer({ endpoint }), true, now)?.endpoint;

/** The openers of an attempt up to a time, with their times. */
function openersUntil(one: ConnectAttempt, end: number): [number, OutgoingOpener][] {
  const sent: [number, OutgoingOpener][] = [];
  for (let now = 0; now <= end; now += 10) {
    sent.push(...one.openers(now).map((opener): [number, OutgoingOpener] => [now, opener]));
  }
  return sent;
}

describe('ConnectAttempt', () => {
  it('starts on an opener when it leads, and only then, up to a limit', () => {
    assert.equal(start(attempt(true, [X], 'waiting'), 0), X);
    const alone = attempt(true);
    assert.equal(start(alone, 599), undefined);
    assert.equal(start(alone, 600), X);
  });

  it('waits when it does not lead, and takes over when nothing arrives', () => {
    const one = attempt(false);
    assert.equal(start(one, 1499), undefined);
    assert.equal(start(one, 1500), X);
  });

  it('says what it intends, and commits itself a round trip before it takes over', () => {
    const intents = openersUntil(attempt(false), 1500).map(([, { intent }]) => intent);
    assert.deepEqual(new Set(intents), new Set(['waiting', 'committed']));
    const promised = openersUntil(attempt(false), 1500)
      .filter(([, { intent }]) => intent === 'waiting')
      .map(([at]) => at);
    assert.ok(Math.max(...promised) + 550 <= 1500);
    assert.equal(openersUntil(attempt(true), 0)[0]?.[1].intent, 'leading');
  });

  it('leaves the start to the other side that committed itself', () => {
    const one = attempt(true, [X], 'committed');
    assert.equal(start(one, 0), undefined);
    assert.equal(start(one, 1400), undefined);
    one.heard(X, { intent: 'waiting', stamp: 0 }, 1400);
    assert.equal(start(one, 1400), X, 'until the other side waits again');
  });

  it('starts again where a peer that never connected does not answer, unless it may not replace', () => {
    const one = attempt(true, [X], 'waiting');
    assert.deepEqual(one.start(peer(), true, 0), { endpoint: X, replace: false });
    const shown = peer({ endpoint: X });
    assert.equal(one.start(shown, true, 200), undefined);
    assert.deepEqual(one.start(shown, true, 213), { endpoint: X, replace: true });
    assert.equal(one.start(shown, true, 500), undefined, 'twice as long later');
    const other = attempt(true, [X], 'waiting');
    other.start(peer(), false, 0);
    assert.equal(other.start(shown, false, 213), undefined);
    assert.notEqual(other.nextAt(214), 213, 'and does not look again at once');
  });

  it('takes an opener from another port of the address for the endpoint, and from no other address', () => {
    const moved = parseEndpoint('198.51.100.2:40000');
    const one = attempt(true);
    assert.equal(one.heard(Y, { intent: 'waiting', stamp: 0 }, 1), false);
    assert.equal(start(one, 1), undefined);
    assert.equal(one.heard(moved, { intent: 'waiting', stamp: 0 }, 2), true);
    assert.deepEqual(start(one, 2), moved);
  });

  it('sends openers to each candidate, and starts with the one that works', () => {
    const one = attempt(true, [Z, X]);
    assert.deepEqual(
      one.openers(0).map(({ to }) => to),
      [Z, X],
    );
    one.heard(X, { intent: 'waiting', stamp: 0 }, 30);
    assert.equal(start(one, 30), X);
  });

  it('tries each candidate for its time where no opener arrives, then the first again', () => {
    const one = attempt(true, [Z, X, Y]);
    const set: [number, Endpoint][] = [];
    let endpoint: Endpoint | undefined;
    for (let now = 0; now < 4 * CONNECTING_MS; now += 100) {
      const started = start(one, now, endpoint);
      if (started !== undefined) {
        endpoint = started;
        set.push([Math.floor(now / CONNECTING_MS), started]);
      }
    }
    assert.deepEqual(
      set,
      [Z, X, Y, Z].map((candidate, i) => [i, candidate]),
    );
  });

  it('leaves WireGuard where it roamed to by itself', () => {
    const one = attempt(true, [X], 'waiting');
    start(one, 0);
    one.heard(X, { intent: 'waiting', stamp: 0 }, 3000);
    assert.equal(start(one, 3000, Y), undefined);
    assert.equal(start(one, CONNECTING_MS + 700, Y), undefined);
  });

  it('sets an endpoint at most once a second, whatever arrives', () => {
    const one = attempt(true, [X], 'waiting');
    let starts = 0;
    for (let now = 0; now < 10_000; now += 10) {
      const candidate = (now / 10) % 2 === 0 ? X : Y;
      one.aim([candidate], now);
      one.heard(candidate, { intent: 'waiting', stamp: 0 }, now);
      starts += one.start(peer(), true, now) === undefined ? 0 : 1;
    }
    assert.ok(starts <= 11, `${starts} in 10 s`);
  });

  it('sends no more than 24 openers in its first round, and 6 in each later one', () => {
    const one = attempt(true);
    for (let now = 0; now < 200; now += 1) {
      one.heard(X, { intent: 'leading', stamp: 0 }, now);
      one.openers(now);
    }
    assert.ok(openersUntil(one, CONNECTING_MS - 1).length <= 24);
    const later = openersUntil(attempt(true), 3 * CONNECTING_MS - 1);
    assert.equal(later.filter(([at]) => at >= CONNECTING_MS).length, 12);
  });

  it('is silent while a handshake of the other side is under way, and after its end', () => {
    const one = attempt(false, [X], 'leading');
    one.hold(0);
    assert.deepEqual(openersUntil(one, 4990), []);
    assert.equal(start(one, 4990), undefined);
    const ended = attempt(true, [X], 'waiting');
    ended.end();
    assert.deepEqual(ended.openers(0), []);
    assert.equal(ended.nextAt(0), Number.POSITIVE_INFINITY);
    assert.equal(start(ended, 0), undefined);
  });
});
