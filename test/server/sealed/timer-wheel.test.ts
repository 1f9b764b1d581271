import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Timed, TimerWheel } from '../../../src/server/sealed/timer-wheel.js';

const TICK_MS = 50;

const step = fc.record({
  item: fc.nat(9),
  /** From now; long enough for more than one turn of the wheel. */
  delay: fc.oneof(fc.integer({ min: -10, max: 2000 }), fc.nat(500_000)),
  wait: fc.oneof(fc.nat(200), fc.nat(300_000)),
});

test('each item is called once, when it is due, and not more than a tick later', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50, size: 'max' }), fc.nat(10_000), (steps, start) => {
      let now = start;
      const wheel = new TimerWheel<Timed>(now);
      const items = Array.from({ length: 10 }, () => ({ dueAt: Number.POSITIVE_INFINITY }));
      const due = new Map<Timed, number>();
      for (const { item, delay, wait } of steps) {
        wheel.schedule(items[item]!, now + delay);
        due.set(items[item]!, now + Math.max(delay, 0)); // what is overdue is due now
        const before = now;
        now += wait;
        wheel.advance(now, 1000, (called) => {
          const at = due.get(called)!;
          assert.ok(at <= now, 'not early');
          assert.ok(at + TICK_MS > before || before === start, 'not late');
          due.delete(called);
        });
        for (const at of due.values()) {
          assert.ok(at + TICK_MS > now, 'not forgotten');
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('a step calls so many items, and the next one the rest', () => {
  const wheel = new TimerWheel<Timed>(0);
  const items = Array.from({ length: 10 }, () => ({ dueAt: Number.POSITIVE_INFINITY }));
  for (const item of items) {
    wheel.schedule(item, 100);
  }
  const called = new Set<Timed>();
  const counts = [1, 2, 3, 4].map(() => {
    wheel.advance(100, 3, (item) => called.add(item));
    return called.size;
  });
  assert.deepEqual(counts, [3, 6, 9, 10]);
});

test('hastening brings forward and never puts off; infinity cancels', () => {
  const wheel = new TimerWheel<Timed>(0);
  const a: Timed = { dueAt: Number.POSITIVE_INFINITY };
  const b: Timed = { dueAt: Number.POSITIVE_INFINITY };
  wheel.hasten(a, 500);
  wheel.hasten(a, 1000);
  wheel.hasten(b, 500);
  wheel.schedule(b, Number.POSITIVE_INFINITY);
  const called: Timed[] = [];
  wheel.advance(499, 10, (item) => called.push(item));
  assert.equal(called.length, 0);
  wheel.advance(500, 10, (item) => called.push(item));
  assert.deepEqual(called, [a]);
});
