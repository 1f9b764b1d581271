import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readingPause } from '../../src/client/reading-pause.js';
import {
  CONNECTING_POLL_MS,
  IDLE_POLL_MS,
  MAX_CONNECTING_POLL_MS,
} from '../../src/client/timing.js';

test('where a reading is quick, the pause is as wanted', () => {
  for (const wanted of [CONNECTING_POLL_MS, MAX_CONNECTING_POLL_MS, IDLE_POLL_MS]) {
    assert.equal(readingPause(wanted, 10), wanted);
  }
  assert.equal(readingPause(0, 10), 10);
});

test('on a busy host readings take a part of the time, and the pause has a limit', () => {
  const cases = [
    [0, 300, 300],
    [0, 5000, 2000],
    [CONNECTING_POLL_MS, 300, 900],
    [CONNECTING_POLL_MS, 5000, 2000],
    [MAX_CONNECTING_POLL_MS, 100, 500],
    [IDLE_POLL_MS, 100, 2000],
    [IDLE_POLL_MS, 200, 4000],
    [IDLE_POLL_MS, 5000, 5000],
  ] as const;
  for (const [wanted, last, expected] of cases) {
    assert.equal(readingPause(wanted, last), expected, `wanted ${wanted}, last ${last} ms`);
  }
});
