import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission } from '../../src/limits/admission.js';
import { RateLimiter } from '../../src/limits/rate-limiter.js';
import { batchOf } from '../server/requests.js';

function admission(rate = 0, burst = 1): Admission {
  return new Admission({
    limiter: new RateLimiter({ rate, burst }),
    hashKey: { low: 1, high: 2 },
    minLength: 10,
    maxLength: 20,
  });
}

test('lengths that no message has are dropped as malformed', () => {
  const it = admission();
  for (const [length, expected] of [
    [0, false],
    [9, false],
    [10, true],
    [20, true],
    [21, false],
    [500, false],
  ] as const) {
    const batch = batchOf([{ from: '192.0.2.1', payload: new Uint8Array(length) }]);
    assert.equal(it.admits(batch, 0, 4, 0), expected, `${length}`);
  }
  assert.deepEqual(it.counts, { malformed: 4, limited: 0 });
});

test('port 0 cannot be answered: malformed', () => {
  const it = admission();
  const batch = batchOf([{ from: '192.0.2.1', port: 0, payload: new Uint8Array(10) }]);
  assert.equal(it.admits(batch, 0, 4, 0), false);
  assert.deepEqual(it.counts, { malformed: 1, limited: 0 });
});

test('datagrams over the rate of their source are dropped, and malformed ones draw nothing', () => {
  const it = admission(1, 3);
  const good = batchOf([{ from: '192.0.2.1', payload: new Uint8Array(10) }]);
  const bad = batchOf([{ from: '192.0.2.1', payload: new Uint8Array(9) }]);
  const other = batchOf([{ from: '192.0.2.2', payload: new Uint8Array(10) }]);
  for (let i = 0; i < 10; i++) {
    it.admits(bad, 0, 4, 0);
  }
  const admitted = Array.from({ length: 5 }, () => it.admits(good, 0, 4, 0));
  assert.deepEqual(admitted, [true, true, true, false, false]);
  assert.equal(it.admits(other, 0, 4, 0), true);
  assert.deepEqual(it.counts, { malformed: 10, limited: 2 });
});

test('a charge that is given back leaves the source its burst', () => {
  const it = admission(1, 1);
  const batch = batchOf([{ from: '2001:db8::1', payload: new Uint8Array(10) }]);
  for (let i = 0; i < 5; i++) {
    assert.ok(it.charge(batch, 0, 6, 0));
    it.giveBack();
  }
  assert.ok(it.charge(batch, 0, 6, 0));
  assert.ok(!it.charge(batch, 0, 6, 0));
});
