import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RepeatedScript } from '../../src/compare/agents/load-script.js';
import { PairRounds } from '../../src/compare/measure/connect.js';
import { roundTrips } from '../../src/compare/measure/round-trips.js';
import { median, percentile } from '../../src/compare/measure/statistics.js';
import type { ConnectResult } from '../../src/compare/results.js';
import { outcomeOf, type Progress, runSteps } from '../../src/compare/steps.js';
import type { CapturedPacket } from '../../src/lab/index.js';
import { endpoint } from '../../src/wire/endpoint.js';

describe('median', () => {
  it('is the middle value, or the mean of the two middle values', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 10, 2]), 3);
    assert.equal(median([7]), 7);
    assert.ok(Number.isNaN(median([])));
  });
});

describe('percentile', () => {
  it('is the smallest value that the share of values does not exceed', () => {
    const values = Array.from({ length: 20 }, (_, index) => 20 - index);
    assert.equal(percentile(values, 0.95), 19);
    assert.equal(percentile(values, 0.5), 10);
    assert.equal(percentile([7], 0.95), 7);
    assert.ok(Number.isNaN(percentile([], 0.95)));
  });
});

describe('the rounds of a pair', () => {
  const problem = 'no tunnel within 12 s';
  const round = (milliseconds: number) => ({ milliseconds, datagrams: 4, bytes: 400 });

  it('are summarized by median, 95th percentile and worst', () => {
    const rounds = new PairRounds();
    for (const milliseconds of [300, 100, 200]) {
      rounds.add(round(milliseconds));
    }
    const { rounds: all, ...summary } = rounds.result() as ConnectResult;
    assert.equal(all.length, 3);
    assert.deepEqual(summary, {
      milliseconds: 200,
      p95Milliseconds: 300,
      worstMilliseconds: 300,
      datagrams: 4,
      bytes: 400,
      failedRounds: 0,
    });
  });

  it('end after a failure of the first round, which is the result', () => {
    const rounds = new PairRounds();
    assert.equal(rounds.gaveUp, false);
    rounds.add({ problem });
    assert.equal(rounds.gaveUp, true);
    assert.deepEqual(rounds.result(), { problem });
  });

  it('go on after a later failure, which is counted, but not after three', () => {
    const rounds = new PairRounds();
    for (const outcome of [round(100), { problem }, round(200), { problem }]) {
      rounds.add(outcome);
    }
    assert.equal(rounds.gaveUp, false);
    assert.equal((rounds.result() as ConnectResult).failedRounds, 2);
    rounds.add({ problem });
    assert.equal(rounds.gaveUp, true);
  });
});

describe('consecutive round trips', () => {
  const SERVER = '198.51.100.1';
  const HALF_WAY_MS = 10;
  const CLIENT = endpoint('198.51.100.10', 51820);
  const at = endpoint(SERVER, 49918);
  const rest = { type: 0, length: 64 };
  const request = (timeMs: number): CapturedPacket => {
    return { timeMs, source: CLIENT, destination: at, ...rest };
  };
  const answer = (timeMs: number): CapturedPacket => {
    return { timeMs, source: at, destination: CLIENT, ...rest };
  };
  const count = (packets: CapturedPacket[]): number => roundTrips(packets, SERVER, HALF_WAY_MS);

  it('are as many as requests that each followed an answer', () => {
    const turns = [0, 1, 2, 3, 4].flatMap((turn) => [request(turn * 40), answer(turn * 40 + 20)]);
    assert.equal(count(turns), 5);
  });

  it('are one for requests in flight at the same time', () => {
    const first = [request(0), request(1), request(2), answer(20), answer(21), answer(22)];
    assert.equal(count(first), 1);
    // Sent 10 ms before 41, after the first answer arrived at 30: the second round.
    assert.equal(count([...first, request(41), answer(61)]), 2);
    // Sent at 29, before any answer arrived: still the first.
    assert.equal(count([...first, request(39), answer(59)]), 1);
  });

  it('do not include a request without an answer', () => {
    assert.equal(count([request(0), answer(20), request(40)]), 1);
    assert.equal(count([request(0)]), 0);
  });

  it('are counted without a distance too', () => {
    assert.equal(roundTrips([request(1), answer(2), request(3), answer(4)], SERVER, 0), 2);
  });
});

describe('RepeatedScript', () => {
  it('sends its requests in turn, and is ready when each was answered', () => {
    const script = new RepeatedScript([Uint8Array.of(1), Uint8Array.of(2, 2)]);
    const slots = new Uint8Array(8);
    assert.equal(script.next(slots, 0), 1);
    assert.equal(script.next(slots, 4), 2);
    assert.deepEqual([...slots], [1, 0, 0, 0, 2, 2, 0, 0]);
    assert.equal(script.answer(slots, 4), 1);
    assert.equal(script.ready, false);
    assert.equal(script.answer(slots, 0), 2);
    assert.equal(script.ready, true);
  });
});

describe('runSteps', () => {
  it('runs steps that measure time alone and in order, then idle steps side by side', async () => {
    const log: string[] = [];
    let waiting = 0;
    let mostWaiting = 0;
    const idle = (title: string) => ({
      title,
      idle: true,
      async run() {
        mostWaiting = Math.max(mostWaiting, ++waiting);
        await Promise.resolve();
        waiting--;
        log.push(title);
      },
    });
    const busy = (title: string) => ({
      title,
      async run() {
        assert.equal(waiting, 0);
        log.push(title);
      },
    });
    const progress: Progress[] = [];
    await runSteps([idle('w1'), busy('b1'), idle('w2'), busy('b2')], (now) => progress.push(now));
    assert.deepEqual(log.slice(0, 2), ['b1', 'b2']);
    assert.deepEqual(log.slice(2).sort(), ['w1', 'w2']);
    assert.equal(mostWaiting, 2);
    assert.deepEqual(progress[0], { done: 0, total: 4, running: ['b1'] });
    assert.deepEqual(progress.at(-1), { done: 4, total: 4, running: [] });
  });
});

describe('outcomeOf', () => {
  it('turns a failure into one line', async () => {
    const fails = () => Promise.reject(new Error('  no tunnel\nstack and more'));
    assert.deepEqual(await outcomeOf(fails), { problem: 'no tunnel' });
    assert.equal(await outcomeOf(async () => 1), 1);
  });
});
