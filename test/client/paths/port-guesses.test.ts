import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { guessPorts, portStep, socketCount } from '../../../src/client/paths/port-guesses.js';
import { seeded } from './seeded.js';

function first(count: number, observed: readonly number[], seed = 1): number[] {
  const guesses = guessPorts(observed, seeded(seed));
  return Array.from({ length: count }, () => guesses.next().value as number);
}

describe('portStep', () => {
  it('is the distance of ports that step', () => {
    assert.equal(portStep([40_000, 40_001]), 1);
    assert.equal(portStep([40_000, 40_002, 40_004]), 2);
    assert.equal(portStep([40_000, 39_996, 39_994]), -2);
    assert.equal(portStep([40_000, 40_006, 40_010]), 2);
  });

  it('is undefined for ports that do not step', () => {
    for (const ports of [[], [40_000], [40_000, 40_000], [40_000, 50_000], [400, 402, 401]]) {
      assert.equal(portStep(ports), undefined, `${ports}`);
    }
  });
});

describe('socketCount', () => {
  it('is a quarter of the block seen, and 256 at most', () => {
    assert.equal(socketCount([]), 128);
    assert.equal(socketCount([2000]), 128);
    assert.equal(socketCount([2000, 2300]), 128);
    assert.equal(socketCount([2000, 2900]), 256);
    assert.equal(socketCount([2000, 60_000]), 256);
  });

  it('is small for ports that step', () => {
    assert.equal(socketCount([2000, 2002]), 64);
  });
});

describe('guessPorts', () => {
  it('has each port of 1024..65535 once', () => {
    for (const observed of [[], [40_000], [40_000, 40_002], [65_530, 65_534], [1024, 1030]]) {
      const ports = [...guessPorts(observed, seeded(7))];
      assert.equal(ports.length, 64_512, `${observed}`);
      assert.equal(new Set(ports).size, 64_512);
      assert.ok(ports.every((port) => port >= 1024 && port <= 65_535));
    }
  });

  it('begins with the ports that steps predict, in turn with those of the block', () => {
    const predicted = (...observed: number[]) =>
      first(6, observed).filter((_, index) => index % 2 === 0);
    assert.deepEqual(predicted(40_000, 40_002), [40_034, 40_036, 40_038]);
    assert.deepEqual(predicted(40_002, 40_000), [39_968, 39_966, 39_964]);
    // A port above the last one goes on at the first one.
    assert.deepEqual(predicted(65_528, 65_530), [1050, 1052, 1054]);
    const others = first(40, [40_000, 40_002]).filter((_, index) => index % 2 === 1);
    assert.ok(others.every((port) => port >> 9 === 40_000 >> 9));
  });

  it('has the block that the ports suggest next: the nearest 512 ports, up to 4096', () => {
    const block = first(512, [41_000, 41_200]);
    assert.ok(block.every((port) => port >> 9 === 41_000 >> 9));
    const wide = first(4096, [41_000, 42_100]).map((port) => port >> 9);
    assert.deepEqual(
      [...new Set(wide)].map((chunk) => chunk - (41_000 >> 9)),
      [0, 1, 2, -1, 3, -2, 4, -3],
    );
  });

  it('has random ports at once where the observed ones are far apart', () => {
    const guesses = first(2000, [2000, 60_000]);
    const high = guesses.filter((port) => port > 32_768).length;
    assert.ok(high > 900 && high < 1140, `${high}`);
    assert.notDeepEqual(guesses, first(2000, [2000, 60_000], 2));
  });
});
