import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RoundTrips } from '../../src/compare/agents/round-trips.js';
import { RepeatedTalk } from '../../src/compare/agents/talk.js';
import { median } from '../../src/compare/statistics.js';
import { outcomeOf, type Progress, runSteps } from '../../src/compare/steps.js';

describe('median', () => {
  it('is the middle, or between the two in the middle', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 10, 2]), 3);
    assert.equal(median([7]), 7);
    assert.ok(Number.isNaN(median([])));
  });
});

describe('RoundTrips', () => {
  it('counts requests one after the other', () => {
    const trips = new RoundTrips();
    for (let turn = 0; turn < 5; turn++) {
      trips.served(trips.request());
      trips.delivered(trips.answerDepth);
    }
    assert.equal(trips.longest, 5);
  });

  it('counts requests that are on their way together as one', () => {
    const trips = new RoundTrips();
    const depths = [trips.request(), trips.request(), trips.request()];
    for (const depth of depths) {
      trips.served(depth);
    }
    trips.delivered(trips.answerDepth);
    // Sent after the first answer, while the others are on their way: the second round.
    const next = trips.request();
    trips.delivered(1);
    trips.delivered(1);
    trips.served(next);
    trips.delivered(trips.answerDepth);
    assert.equal(trips.longest, 2);
  });
});

describe('RepeatedTalk', () => {
  it('sends its requests in turn, and is ready when each was answered', () => {
    const talk = new RepeatedTalk([Uint8Array.of(1), Uint8Array.of(2, 2)]);
    const slots = new Uint8Array(8);
    assert.equal(talk.next(slots, 0), 1);
    assert.equal(talk.next(slots, 4), 2);
    assert.deepEqual([...slots], [1, 0, 0, 0, 2, 2, 0, 0]);
    assert.equal(talk.answer(slots, 4), 1);
    assert.equal(talk.ready, false);
    assert.equal(talk.answer(slots, 0), 2);
    assert.equal(talk.ready, true);
  });
});

describe('runSteps', () => {
  it('runs those that measure time alone and in order, then those that wait side by side', async () => {
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
  it('makes one line of a failure', async () => {
    const fails = () => Promise.reject(new Error('  no tunnel\nstack and more'));
    assert.deepEqual(await outcomeOf(fails), { problem: 'no tunnel' });
    assert.equal(await outcomeOf(async () => 1), 1);
  });
});
