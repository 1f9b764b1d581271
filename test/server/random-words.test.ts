import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomWords } from '../../src/server/random-words.js';

/** More than one filling of the pool. */
const COUNT = 5000;

test('random words repeat neither themselves nor those of another generator, and use all bits', () => {
  const [first, second] = [randomWords(), randomWords()];
  const words = Array.from({ length: COUNT }, () => [first(), second()]).flat();
  // Of 10 000 random words of 32 bits, one pair is the same in every hundredth run.
  assert.ok(new Set(words).size >= words.length - 2);
  for (let bit = 0; bit < 32; bit++) {
    const ones = words.filter((word) => (word >>> bit) & 1).length;
    assert.ok(Math.abs(ones - words.length / 2) < 500, `bit ${bit}: ${ones}`);
  }
});

test('successive random words differ by no fixed step', () => {
  const next = randomWords();
  const words = Array.from({ length: COUNT }, next);
  const steps = words.slice(1).map((word, i) => (word - words[i]!) | 0);
  assert.ok(new Set(steps).size > COUNT - 10);
});
