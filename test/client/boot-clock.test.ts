import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BootClock } from '../../src/client/boot-clock.js';

test('a suspend counts, once it is noticed', () => {
  let monotonic = 5000;
  let boot = 905_000;
  const clock = new BootClock(
    () => monotonic,
    () => boot,
  );
  monotonic += 1000;
  boot += 1000;
  assert.equal(clock.noticeSuspend(), 0);
  assert.equal(clock.now(), 6000);
  boot += 200_000;
  assert.equal(clock.noticeSuspend(), 200_000);
  assert.equal(clock.now(), 206_000);
  assert.equal(clock.noticeSuspend(), 0, 'only once');
});

test('the resolution of the clocks is no suspend', () => {
  let boot = 0;
  const clock = new BootClock(
    () => 0,
    () => boot,
  );
  for (boot of [10, 500, 990, -500]) {
    assert.equal(clock.noticeSuspend(), 0);
  }
  assert.equal(clock.now(), 0);
});

test('the clocks of the system run alike', () => {
  const clock = new BootClock();
  const before = performance.now();
  assert.equal(clock.noticeSuspend(), 0);
  assert.ok(clock.now() >= before);
});
