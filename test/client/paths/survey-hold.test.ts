import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SurveyHold } from '../../../src/client/paths/survey-hold.js';

const NOBODY = Number.NEGATIVE_INFINITY;
const by = (ms: number) => () => ms;

test('the survey is held for peers that may connect, up to 1.5 s, and where none are there for 0.2 s', () => {
  const hold = new SurveyHold();
  assert.equal(hold.until(false, by(5000), 1000), 1000, 'no server answers');
  assert.equal(hold.until(true, by(NOBODY), 2000), 2200);
  assert.equal(hold.until(true, by(2150), 2100), 2150);
  assert.equal(hold.until(true, by(2600), 2100), 2600);
  assert.equal(hold.until(true, by(9000), 2100), 3500);
  assert.ok(hold.until(true, by(90_000), 80_000) < 80_000, 'long after that answer');
});
