import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomHashKey } from '../../src/limits/random-hash-key.js';

test('each hash key is another one, in both of its words', () => {
  const keys = Array.from({ length: 100 }, randomHashKey);
  assert.equal(new Set(keys.map(({ low }) => low)).size, 100);
  assert.equal(new Set(keys.map(({ high }) => high)).size, 100);
  assert.ok(keys.every(({ low, high }) => low !== high));
});
