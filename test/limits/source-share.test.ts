import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Source } from '../../src/limits/source.js';
import { SourceShare } from '../../src/limits/source-share.js';

/** A source whose networks, from the narrowest to the widest, have these hashes. */
function source(...hashes: number[]): Source {
  return { family: hashes.length === 2 ? 4 : 6, hashes };
}

/** Adds entries of the sources in turn as long as each is admitted; how many there are then. */
function fill(share: SourceShare, sources: (i: number) => Source, limit = 100_000): number {
  let taken = 0;
  for (let i = 0; i < limit; i++) {
    if (share.admits(sources(i))) {
      share.add(sources(i));
      taken++;
    }
  }
  return taken;
}

const LARGE = 0x7000_7000;

test('an IPv4 address stops at its share, and another one finds room', () => {
  for (const portion of [0.1, 0.5, 0.9]) {
    const share = new SourceShare(portion, 10_000);
    const taken = fill(share, () => source(1, 2));
    const most = Math.min(10_000 * portion, 8750);
    assert.ok(Math.abs(taken - most) <= 1, `share ${portion}: ${taken}`);
    assert.equal(share.admits(source(0x20002, 0x20002)), portion < 0.9);
  }
});

test('a /24 stops at its share, however many of its addresses are used', () => {
  const share = new SourceShare(0.5, 10_000);
  assert.equal(
    fill(share, (i) => source((i % 256) * 0x10001, LARGE)),
    7500,
  );
  assert.ok(share.admits(source(0x20_0002, 0x20002)));
});

test('IPv6: a /64, /56, /48 and /32 stop at their shares, however many networks they are made of', () => {
  const distinct = (i: number, bits: number) => (i % (1 << bits)) * 0x10001 + 0x100;
  const cases: readonly [what: string, share: number, sources: (i: number) => Source][] = [
    ['/64', 1250, () => source(1, 2, 3, 4)],
    ['/56', 2500, (i) => source(distinct(i, 8), 2, 3, 4)],
    ['/48', 5000, (i) => source(distinct(i, 12), distinct(i, 8), 3, 4)],
    ['/32', 7500, (i) => source(distinct(i, 14), distinct(i, 13), distinct(i, 12), 4)],
  ];
  for (const [what, most, sources] of cases) {
    const taken = fill(new SourceShare(0.5, 10_000), sources);
    assert.ok(Math.abs(taken - most) <= 2, `${what}: ${taken}`);
  }
});

test('the floors of many /64 do not add up beyond the share of their /48', () => {
  const share = new SourceShare(0.5, 1024);
  const taken = fill(share, (i) => source((i % 500) * 0x10001, (i % 200) * 0x10001, 3, 4), 20_000);
  assert.ok(taken <= 512, `${taken}`);
});

test('each family keeps an eighth of the table, even when the other one is full', () => {
  const share = new SourceShare(0.5, 8000);
  const ipv6 = (i: number) => source(i * 0x10001, i * 0x10001, i * 0x10001, i * 0x10001);
  assert.equal(fill(share, ipv6, 20_000), 7000);
  const ipv4 = (i: number) => source(i * 0x10001, i * 0x10001);
  assert.equal(fill(share, ipv4, 20_000), 1000);
  assert.ok(!share.admits(ipv4(60_000)));
});

test('entries that are removed make room again, in all their networks', () => {
  const share = new SourceShare(0.5, 1000);
  const one = source(1, 2, 3, 4);
  for (let round = 0; round < 5; round++) {
    const taken = fill(share, () => one);
    assert.equal(taken, 125);
    for (let i = 0; i < taken; i++) {
      share.remove(one);
    }
  }
});

test('a source with few entries may have 16 as long as one is free', () => {
  const share = new SourceShare(0.5, 1000);
  fill(share, (i) => source(i * 0x10001, i * 0x10001), 850);
  fill(share, () => source(LARGE, LARGE), 9);
  const light = source(0x1001_0002, 0x1001_0002);
  assert.equal(
    fill(share, () => light),
    16,
  );
});

test('a source that shares one bucket with a heavy one is not mistaken for it', () => {
  const share = new SourceShare(0.5, 1000);
  assert.equal(
    fill(share, () => source(0x0001_0002, LARGE)),
    500,
  );
  assert.ok(!share.admits(source(0x0001_0002, 0)));
  assert.ok(share.admits(source(0x0001_0003, 0)), 'same upper half');
  assert.ok(share.admits(source(0x0004_0002, 0)), 'same lower half');
});

test('one source has no more than its share of a small table, and one entry at least', () => {
  for (const portion of [0.01, 0.1, 0.5, 0.9]) {
    for (let size = 1; size <= 40; size++) {
      const share = new SourceShare(portion, size);
      const taken = fill(share, () => source(1, 1), 100);
      const most = Math.max(1, Math.ceil(size * portion));
      assert.ok(taken >= 1 && taken <= most, `${portion} of ${size}: ${taken}`);
    }
  }
});
