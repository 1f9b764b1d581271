import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { REPLAY_WINDOW, ReplayWindow } from '../../src/sealed/replay-window.js';

/** The plain form: a set of all that was seen. */
class Model {
  private readonly seen = new Set<number>();
  highest = -1;

  isNew(counter: number): boolean {
    return counter > this.highest - REPLAY_WINDOW && !this.seen.has(counter);
  }

  add(counter: number): void {
    this.seen.add(counter);
    this.highest = Math.max(this.highest, counter);
  }
}

function check(counters: Iterable<number>): void {
  const window = new ReplayWindow();
  const model = new Model();
  for (const counter of counters) {
    const expected = model.isNew(counter);
    assert.equal(window.isNew(counter), expected, `counter ${counter} after ${model.highest}`);
    if (expected) {
      window.add(counter);
      model.add(counter);
    }
    assert.equal(window.highest, model.highest);
  }
}

test('the replay window does what a set of all counters does (property)', () => {
  const steps = fc.array(
    fc.oneof(fc.integer({ min: -1100, max: 40 }), fc.integer({ min: -40, max: 3000 })),
    {
      minLength: 1,
      maxLength: 300,
    },
  );
  fc.assert(
    fc.property(steps, (moves) => {
      let at = 0;
      check(
        moves.map((move) => {
          at = Math.max(0, at + move);
          return at;
        }),
      );
    }),
  );
});

test('the replay window keeps apart counters with the same bit (property)', () => {
  const counter = fc
    .tuple(fc.nat(12), fc.nat(2))
    .map(([part, i]) => (part * REPLAY_WINDOW) / 4 + i);
  fc.assert(fc.property(fc.array(counter, { maxLength: 60, size: 'max' }), check));
});

test('the replay window clears a bit before its next use', () => {
  check([10, 900, 1500, 10 + REPLAY_WINDOW]);
});

test('the replay window has the documented edges', () => {
  for (const jump of [
    1,
    31,
    32,
    33,
    REPLAY_WINDOW - 1,
    REPLAY_WINDOW,
    REPLAY_WINDOW + 1,
    2 ** 24,
  ]) {
    const from = 5;
    const to = from + jump;
    const around = [-1, 0, 1].flatMap((i) => [to + i, from + i, to - REPLAY_WINDOW + i]);
    check([from, to, ...around.filter((counter) => counter >= 0), to, to + 1]);
  }
});

test('the replay window accepts each counter in order once', () => {
  check(Array.from({ length: 3 * REPLAY_WINDOW }, (_, i) => i >> 1));
});
