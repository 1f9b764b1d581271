import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInPrefix, PrefixSet } from '../../src/wire/prefix.js';

const PREFIXES = ['10.9.0.7/24', '2001:db8:9::/64', '192.0.2.7/32'];

test('a set of prefixes has the addresses that lie in one of them', () => {
  const set = new PrefixSet(PREFIXES);
  for (const [address, isIn] of [
    ['10.9.0.0', true],
    ['10.9.0.255', true],
    ['10.9.1.0', false],
    ['192.0.2.7', true],
    ['192.0.2.6', false],
    ['2001:db8:9::5', true],
    ['2001:db8:9:1::5', false],
    ['::ffff:10.9.0.1', false],
  ] as const) {
    assert.equal(set.has(address), isIn, address);
    assert.equal(
      PREFIXES.some((one) => isInPrefix(address, one)),
      isIn,
      address,
    );
  }
  assert.equal(new PrefixSet([]).has('10.9.0.1'), false);
  assert.throws(() => new PrefixSet(['10.9.0.0']), RangeError);
});
