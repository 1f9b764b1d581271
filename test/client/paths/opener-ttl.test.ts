import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hopsFrom, openerTtl } from '../../../src/client/paths/opener-ttl.js';

describe('hopsFrom', () => {
  it('counts from the TTL with which systems send: 64, 128 or 255', () => {
    assert.deepEqual(
      [64, 59, 1, 128, 115, 65, 255, 240].map(hopsFrom),
      [1, 6, 64, 1, 14, 64, 1, 16],
    );
  });
});

describe('openerTtl', () => {
  it('is half of the way to the server, 2 at least and 5 at most', () => {
    assert.deepEqual([4, 5, 6, 9, 10, 30].map(openerTtl), [2, 2, 3, 4, 5, 5]);
  });

  it('is none where no router is known to be between the gateways', () => {
    assert.deepEqual([undefined, 1, 2, 3].map(openerTtl), [
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
