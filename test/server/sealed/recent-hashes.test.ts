import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentHashes } from '../../../src/server/sealed/recent-hashes.js';

test('a hash is found in its generation and the next, and in no later one', () => {
  for (const hash of [0, 1, -1, 0x1234_5678, -0x8000_0000]) {
    const recent = new RecentHashes();
    assert.ok(!recent.has(hash, 4));
    recent.add(hash, 4);
    assert.ok(recent.has(hash, 4));
    assert.ok(recent.has(hash, 5));
    assert.ok(!recent.has(hash, 6));
  }
});

test('nothing is left of a generation when one is skipped', () => {
  const recent = new RecentHashes();
  recent.add(7, 1);
  assert.ok(!recent.has(7, 3));
  assert.ok(!recent.has(7, 4));
});

test('100 000 hashes of a generation are all found, and others are not', () => {
  const recent = new RecentHashes();
  const hash = (i: number) => Math.imul(i, 0x9e37_79b1);
  for (let i = 0; i < 100_000; i++) {
    recent.add(hash(i), 0);
  }
  for (let i = 0; i < 100_000; i++) {
    assert.ok(recent.has(hash(i), 1));
    assert.ok(!recent.has(hash(100_000 + i), 1));
  }
});

test('a bucket that is full forgets one hash for a new one', () => {
  const recent = new RecentHashes();
  const hashes = Array.from({ length: 17 }, (_, i) => (i << 20) | 5);
  for (const hash of hashes) {
    recent.add(hash, 0);
  }
  assert.equal(hashes.filter((hash) => recent.has(hash, 0)).length, 16);
  assert.ok(recent.has(hashes[16]!, 0));
});
