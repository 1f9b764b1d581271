import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lineSettings } from '../../src/lab/distance.js';

describe('the settings of a delay line', () => {
  it('are a quarter of round trip and jitter, and the loss of half a way', () => {
    const settings = lineSettings({ roundTripMs: 50, jitterMs: 20, loss: 0.19, reorder: true });
    assert.deepEqual(settings, { delayMs: 12.5, jitterMs: 5, loss: 1 - 0.9, reorder: true });
  });

  it('are undefined without any effect on packets', () => {
    assert.equal(lineSettings({}), undefined);
    assert.equal(lineSettings({ roundTripMs: 0, loss: 0, reorder: true }), undefined);
  });

  for (const distance of [
    { roundTripMs: -1 },
    { roundTripMs: 10_001 },
    { roundTripMs: Number.NaN },
    { roundTripMs: 10, jitterMs: 11 },
    { jitterMs: -1 },
    { loss: 1.1 },
    { loss: -0.1 },
  ]) {
    it(`refuse ${JSON.stringify(distance)}`, () => {
      assert.throws(() => lineSettings(distance), RangeError);
    });
  }
});
