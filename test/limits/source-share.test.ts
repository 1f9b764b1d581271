import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SourceShare } from '../../src/limits/source-share.js';

test('the count is never below the truth, and exact where nobody shares both buckets', () => {
  // Sources that share buckets: few values in each half of the hash.
  const source = fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]) => (a << 16) | b);
  fc.assert(
    fc.property(fc.array(fc.tuple(source, fc.boolean()), { maxLength: 200 }), (steps) => {
      const share = new SourceShare(0.5, 10_000);
      const truth = new Map<number, number>();
      for (const [who, add] of steps) {
        const count = truth.get(who) ?? 0;
        if (add) {
          share.add(who);
          truth.set(who, count + 1);
        } else if (count > 0) {
          share.remove(who);
          truth.set(who, count - 1);
        }
      }
      for (const [who, count] of truth) {
        assert.ok(share.count(who) >= count);
      }
      for (const [who, count] of truth) {
        for (let i = 0; i < count; i++) {
          share.remove(who);
        }
      }
      for (const who of truth.keys()) {
        assert.equal(share.count(who), 0);
      }
    }),
  );
});

test('a source stops at its share, and at less the less is free', () => {
  for (const portion of [0.1, 0.5, 0.9]) {
    const size = 10_000;
    const share = new SourceShare(portion, size);
    let taken = 0;
    while (share.admits(1, size - taken)) {
      share.add(1);
      taken++;
    }
    assert.ok(Math.abs(taken - size * portion) <= 1, `share ${portion}: ${taken}`);
    assert.ok(share.admits(0x20002, size - taken), 'another source still may');
  }
});

test('a source with few entries may have 16 as long as one is free', () => {
  const share = new SourceShare(0.5, 1000);
  for (let i = 0; i < 100; i++) {
    share.add(0x20002);
  }
  for (let i = 0; i < 16; i++) {
    assert.ok(share.admits(1, 1));
    assert.ok(!share.admits(1, 0));
    share.add(1);
  }
  assert.ok(!share.admits(1, 1));
});

test('who shares one bucket with a heavy source is not taken for it', () => {
  const share = new SourceShare(0.5, 1000);
  for (let i = 0; i < 500; i++) {
    share.add(0x0001_0002);
  }
  assert.equal(share.count(0x0001_0003), 0, 'same upper half');
  assert.equal(share.count(0x0004_0002), 0, 'same lower half');
  assert.ok(share.admits(0x0001_0003, 1));
});

test('of a small table too, one source has no more than its share, and one entry at least', () => {
  for (const portion of [0.01, 0.1, 0.5, 0.9]) {
    for (let size = 1; size <= 40; size++) {
      const share = new SourceShare(portion, size);
      let taken = 0;
      while (share.admits(1, size - taken)) {
        share.add(1);
        taken++;
      }
      assert.ok(
        taken >= 1 && taken <= Math.max(1, Math.ceil(size * portion)),
        `${portion} of ${size}: ${taken}`,
      );
      assert.ok(taken === size || share.admits(0x20002, size - taken), 'another source still may');
    }
  }
});
