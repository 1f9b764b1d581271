import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyIndex } from '../../../src/server/classic/key-index.js';
import { RowArena } from '../../../src/server/classic/row-arena.js';

const SLOTS = 64;
/** The insertion that makes an index of 64 slots grow: 5 of 8 are taken. */
const GROWS_AT = 41;

/** An index with a row in each of the home slots 0..count - 1. */
function indexOf(count: number): KeyIndex {
  const index = new KeyIndex(new RowArena(1000), SLOTS);
  for (let hash = 0; hash < count; hash++) {
    index.insert(hash, hash + 1);
  }
  return index;
}

test('growth begins at five eighths, goes on in small steps, and ends', () => {
  const index = indexOf(GROWS_AT - 1);
  assert.ok(!index.growing);
  assert.equal(index.bytes, SLOTS * 8);
  for (let step = 0; step < 7; step++) {
    index.insert(GROWS_AT + step, GROWS_AT + step);
    assert.ok(index.growing, `step ${step}`);
    assert.equal(index.bytes, 3 * SLOTS * 8);
  }
  index.insert(GROWS_AT + 7, GROWS_AT + 7);
  assert.ok(!index.growing);
  assert.equal(index.bytes, 2 * SLOTS * 8);
});

test('a row that is removed before it was moved is gone after the move', () => {
  const index = indexOf(GROWS_AT);
  index.remove(30, 31);
  for (let step = 0; step < 8; step++) {
    index.insert(64 + step, 100 + step);
  }
  assert.ok(!index.growing);
  assert.equal(index.peek(29), 30);
  assert.equal(index.peek(30), 0);
  assert.equal(index.peek(31), 32);
});

test('removal closes the gap: rows that were pushed on move back, others stay', () => {
  const index = new KeyIndex(new RowArena(1000), SLOTS);
  // Home slot 62 for three, 63 for one: they lie in 62, 63, 0 and 1.
  const rows = [1, 2, 3, 4] as const;
  index.insert(62, rows[0]);
  index.insert(62 + SLOTS, rows[1]);
  index.insert(62 + 2 * SLOTS, rows[2]);
  index.insert(63, rows[3]);
  index.insert(5, 9);
  assert.deepEqual(
    [62, 63, 0, 1].map((slot) => index.peek(slot)),
    [...rows],
  );
  index.remove(62, rows[0]);
  assert.deepEqual(
    [62, 63, 0, 1, 5].map((slot) => index.peek(slot)),
    [2, 3, 4, 0, 9],
  );
  index.remove(63, rows[3]);
  assert.deepEqual(
    [62, 63, 0, 1, 5].map((slot) => index.peek(slot)),
    [2, 3, 0, 0, 9],
  );
});
