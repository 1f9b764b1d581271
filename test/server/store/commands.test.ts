import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeEntries } from '../../../src/server/store/commands.js';

test('what a command takes is out of the set or map that it waited in, the first first', () => {
  const numbers = Array.from({ length: 40 }, (_, i) => i);
  const pairs = numbers.map((it): [number, number] => [it, it]);
  for (const all of [new Set(numbers), new Map(pairs)]) {
    assert.deepEqual(takeEntries(all), pairs.slice(0, 32));
    assert.deepEqual([...all.keys()], numbers.slice(32));
    assert.deepEqual(takeEntries(all), pairs.slice(32));
    assert.deepEqual(takeEntries(all), []);
  }
});
