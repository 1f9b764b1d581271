import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RateLimiter } from '../../src/limits/rate-limiter.js';

function allowed(limiter: RateLimiter, source: number, datagrams: number, now: number): number {
  let count = 0;
  for (let i = 0; i < datagrams; i++) {
    count += limiter.allows(source, now) ? 1 : 0;
  }
  return count;
}

test('a burst passes, then the rate, and a pause fills the bucket no further than the burst', () => {
  const limiter = new RateLimiter({ rate: 1000, burst: 50 });
  assert.equal(allowed(limiter, 1, 500, 0), 50);
  assert.equal(allowed(limiter, 1, 500, 10), 10);
  assert.equal(allowed(limiter, 1, 500, 10), 0);
  assert.equal(allowed(limiter, 1, 500, 1_000_000), 50);
});

test('the defaults: 20 000 at once, then 20 000 a second', () => {
  const limiter = new RateLimiter({ rate: 20_000, burst: 20_000 });
  assert.equal(allowed(limiter, 7, 50_000, 12.5), 20_000);
  assert.equal(allowed(limiter, 7, 50_000, 12.5 + 500), 10_000);
});

test('no more than burst + rate x time ever passes, and no source without neighbours gets less', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.tuple(fc.nat(300), fc.nat(50)), { maxLength: 30 }),
      (rate, burst, waves) => {
        const limiter = new RateLimiter({ rate, burst });
        let now = 0;
        let passed = 0;
        let tokens = burst; // what an exact token bucket holds
        for (const [wait, datagrams] of waves) {
          now += wait;
          tokens = Math.min(burst, tokens + (wait * rate) / 1000);
          const count = allowed(limiter, 3, datagrams, now);
          assert.ok(count >= Math.min(datagrams, Math.floor(tokens)) && count <= tokens + 1);
          passed += count;
          tokens -= count;
        }
        assert.ok(passed <= burst + (now * rate) / 1000 + 1);
      },
    ),
  );
});

test('a token given back can be taken again, in each bucket that it came from', () => {
  const limiter = new RateLimiter({ rate: 10, burst: 10 });
  for (let i = 0; i < 100; i++) {
    assert.ok(limiter.allows(1, 0));
    limiter.giveBack(1);
  }
  assert.equal(allowed(limiter, 1, 100, 0), 10);
  // The first bucket is empty: the token comes from the second, and goes back there.
  const neighbour = 0x0005_0001;
  assert.ok(limiter.allows(neighbour, 0));
  limiter.giveBack(neighbour);
  assert.equal(allowed(limiter, 1, 1, 0), 0);
  assert.equal(allowed(limiter, neighbour, 100, 0), 10);
});

test('a rate of 0 is no limit', () => {
  assert.equal(allowed(new RateLimiter({ rate: 0, burst: 1 }), 1, 100_000, 0), 100_000);
});

test('a source that shares one bucket with an abuser is served', () => {
  const limiter = new RateLimiter({ rate: 10, burst: 10 });
  const abuser = 0x0001_0002;
  assert.equal(allowed(limiter, abuser, 1000, 0), 10);
  assert.equal(allowed(limiter, 0x0001_0003, 10, 0), 10, 'same upper half');
  assert.equal(allowed(limiter, 0x0004_0002, 10, 0), 10, 'same lower half');
  assert.equal(allowed(limiter, abuser, 10, 0), 0);
});
