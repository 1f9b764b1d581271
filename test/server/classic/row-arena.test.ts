import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROW, RowArena } from '../../../src/server/classic/row-arena.js';

/** Takes a row and fills in a key and its family. */
function store(arena: RowArena, key: Uint32Array, family: 4 | 6): number {
  const row = arena.take();
  arena.words.set(key, arena.offset(row) + ROW.key);
  arena.words[arena.offset(row) + ROW.port] = (family << 16) | 51820;
  return row;
}

test('a row holds its key and family, and no key that differs in any word', () => {
  const arena = new RowArena(10);
  const key = Uint32Array.from({ length: 8 }, (_, i) => 0xffff_fff0 + i);
  const row = store(arena, key, 4);
  assert.ok(arena.holds(row, Uint32Array.of(7, ...key), 1, 4));
  assert.ok(!arena.holds(row, key, 0, 6));
  for (let word = 0; word < 8; word++) {
    const other = Uint32Array.from(key);
    other[word]! ^= 1;
    assert.ok(!arena.holds(row, other, 0, 4), `word ${word}`);
  }
});

test('rows do not overlap, and freed ones come first', () => {
  const arena = new RowArena(9);
  const rows = Array.from({ length: 9 }, () => arena.take());
  for (const row of rows) {
    arena.words.fill(row, arena.offset(row), arena.offset(row) + 16);
  }
  for (const row of rows) {
    const words = arena.words.subarray(arena.offset(row), arena.offset(row) + 16);
    assert.deepEqual(new Set(words), new Set([row]));
  }
  arena.release(rows[3]!);
  arena.release(rows[7]!);
  assert.ok(!arena.taken(rows[3]!) && arena.taken(rows[4]!));
  assert.deepEqual([arena.take(), arena.take()], [rows[7], rows[3]]);
  assert.deepEqual([arena.size, arena.high, arena.bytes], [9, 9, 9 * 64]);
});

test('more rows than the host has room for are refused at the start', () => {
  assert.throws(() => new RowArena(2 ** 44), {
    name: 'RangeError',
    message: /no room .*--max-peers/,
  });
});
