import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DepthSearch, openerTtl } from '../../../src/client/paths/opener-ttl.js';

describe('openerTtl', () => {
  it('is half of the way to the server, 2 at least and 5 at most', () => {
    assert.deepEqual([2, 3, 4, 6, 9, 10, 30].map(openerTtl), [2, 2, 2, 3, 4, 5, 5]);
    assert.equal(openerTtl(undefined), 5);
  });
});

describe('DepthSearch', () => {
  it('asks with each TTL once, and takes the smallest that was answered', () => {
    const search = new DepthSearch();
    const asked: number[] = [];
    for (let now = 0; now < 100; now = Math.max(now + 1, search.nextAt)) {
      asked.push(...search.due(now).map(({ ttl }) => ttl));
    }
    assert.deepEqual(asked, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert.equal(search.depth, undefined);
    for (const ttl of [8, 6, 7, 12]) {
      search.answered(ttl);
    }
    assert.equal(search.depth, 6);
  });

  it('leaves out what can no longer tell more', () => {
    const search = new DepthSearch();
    assert.deepEqual(search.due(0), [{ ttl: 2 }]);
    search.due(10);
    search.answered(4);
    assert.deepEqual(search.due(1_000), []);
    assert.equal(search.nextAt, Number.POSITIVE_INFINITY);
  });
});
