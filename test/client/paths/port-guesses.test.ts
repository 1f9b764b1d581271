import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  guessPorts,
  type PortPattern,
  socketCount,
} from '../../../src/client/paths/port-guesses.js';
import { seeded } from './seeded.js';

const PATTERN: PortPattern = { last: 40_000, step: 0, block: undefined };

function first(count: number, pattern: Partial<PortPattern>, seed = 1): number[] {
  const guesses = guessPorts({ ...PATTERN, ...pattern }, seeded(seed));
  return Array.from({ length: count }, () => guesses.next().value as number);
}

describe('socketCount', () => {
  it('is a quarter of the block, and 256 at most', () => {
    const of = (size: number) => socketCount({ ...PATTERN, block: { first: 2048, size } });
    assert.deepEqual([512, 1024, 2048, 4096].map(of), [128, 256, 256, 256]);
    assert.equal(socketCount(PATTERN), 256);
  });

  it('is small for ports that step', () => {
    assert.equal(socketCount({ ...PATTERN, step: 2 }), 64);
  });
});

describe('guessPorts', () => {
  it('has each port of 1024..65535 once', () => {
    for (const pattern of [
      {},
      { step: 2 },
      { step: -3, last: 1025 },
      { step: 16, last: 65_535 },
      { block: { first: 65_024, size: 512 } },
      { block: { first: 1024, size: 4096 }, step: 1 },
    ]) {
      const ports = [...guessPorts({ ...PATTERN, ...pattern }, seeded(7))];
      assert.equal(ports.length, 64_512, JSON.stringify(pattern));
      assert.equal(new Set(ports).size, 64_512);
      assert.ok(ports.every((port) => port >= 1024 && port <= 65_535));
    }
  });

  it('begins with the ports that steps predict, beyond those that others may use up', () => {
    assert.deepEqual(first(3, { step: 2 }), [40_032, 40_034, 40_036]);
    assert.deepEqual(first(2, { step: -2 }), [39_968, 39_966]);
    // A port above the last one goes on at the first one.
    assert.deepEqual(first(2, { step: 2, last: 65_530 }), [1050, 1052]);
  });

  it('has those of the block in turn with them', () => {
    const guesses = first(40, { step: 2, block: { first: 50_000, size: 512 } });
    assert.ok(guesses.every((port, index) => port >= 50_000 === (index % 2 === 1)));
  });

  it('has the block, and then what is near it', () => {
    const block = { first: 41_000, size: 512 };
    const inside = first(512, { block });
    assert.ok(inside.every((port) => port >= 41_000 && port < 41_512));
    const near = first(512 + 1024, { block }).slice(512);
    assert.ok(near.every((port) => port >= 40_488 && port < 42_024));
  });

  it('has random ports at once where nothing is known', () => {
    const guesses = first(2000, {});
    const high = guesses.filter((port) => port > 32_768).length;
    assert.ok(high > 900 && high < 1140, `${high}`);
    assert.notDeepEqual(guesses, first(2000, {}, 2));
  });
});
