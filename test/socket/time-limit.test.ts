import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { within } from '../../src/socket/time-limit.js';

const never = new Promise<never>(() => {});
const timers = () => process.getActiveResourcesInfo().filter((it) => it === 'Timeout').length;

describe('a time limit', () => {
  it('gives the result or the error of work that is in time, and leaves no timer', async () => {
    const before = timers();
    const fail = () => assert.fail('late');
    const given = within(60_000, Promise.resolve(7), fail);
    assert.equal(timers(), before + 1);
    assert.equal(await given, 7);
    await assert.rejects(within(60_000, Promise.reject(new TypeError('broken')), fail), TypeError);
    assert.equal(timers(), before);
  });

  it('gives what stands for late work, or throws that, at the limit and not before', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const results: unknown[] = [];
    const late = (): never => {
      throw new RangeError('late');
    };
    const waits = [
      within(1000, never, () => 'late').then((it) => results.push(it)),
      within(1000, never, late).catch(({ name }: Error) => results.push(name)),
    ];
    t.mock.timers.tick(999);
    await new Promise(setImmediate);
    assert.deepEqual(results, []);
    t.mock.timers.tick(1);
    await Promise.all(waits);
    assert.deepEqual(results, ['late', 'RangeError']);
  });

  it('ignores an error that comes too late', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let fail = (_: Error): void => {};
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const wait = within(1000, work, () => 'late');
    t.mock.timers.tick(1000);
    assert.equal(await wait, 'late');
    // Without a handler this rejection would fail the test.
    fail(new Error('too late'));
    await new Promise(setImmediate);
  });
});
