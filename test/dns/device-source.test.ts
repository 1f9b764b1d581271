import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeviceSource } from '../../src/dns/device-source.js';
import { Roster } from '../../src/dns/roster.js';
import type { Device } from '../../src/wireguard/device.js';
import { EXAMPLE } from './asking.js';

/** A device whose readings end when they are told to, on a clock that stands still. */
class Bench {
  now = 1_000_000;
  readonly roster = new Roster();
  readonly problems: (string | undefined)[] = [];
  readonly source: DeviceSource;
  private readonly pending: { resolve: (it: Device) => void; reject: (it: Error) => void }[] = [];

  constructor(maxAgeMs = 1000) {
    this.source = new DeviceSource({
      read: () => new Promise((resolve, reject) => this.pending.push({ resolve, reject })),
      roster: this.roster,
      maxAgeMs,
      now: () => this.now,
      onProblem: (error) => this.problems.push(error?.message),
    });
  }

  get readings(): number {
    return this.source.readings;
  }

  async finish(outcome: Device | Error = EXAMPLE): Promise<void> {
    const reading = this.pending.shift();
    if (outcome instanceof Error) {
      reading?.reject(outcome);
    } else {
      reading?.resolve(outcome);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a device source', () => {
  it('reads nothing until it is asked, and then once for all who wait', async () => {
    const bench = new Bench();
    assert.equal(bench.readings, 0);
    const waiting = [bench.source.refresh(), bench.source.refresh(), bench.source.refresh()];
    assert.equal(bench.readings, 1);
    assert.ok(waiting.every((it) => it instanceof Promise));
    await bench.finish();
    await Promise.all(waiting);
    assert.equal(bench.roster.device, EXAMPLE);
    assert.equal(bench.source.refresh(), undefined);
  });

  it('reads at most once in the maximal age, however many ask', async () => {
    const bench = new Bench();
    for (let ms = 0; ms < 10_000; ms += 10) {
      bench.source.refresh();
      await bench.finish();
      bench.now += 10;
    }
    assert.equal(bench.readings, 10);
  });

  it('lets nobody wait under load: the reading before serves a moment longer', async () => {
    const bench = new Bench();
    bench.source.refresh();
    await bench.finish();
    bench.now += 999;
    assert.equal(bench.source.refresh(), undefined);
    assert.equal(bench.readings, 1);
    bench.now += 2;
    assert.equal(bench.source.refresh(), undefined);
    assert.equal(bench.readings, 2);
    bench.now += 248;
    assert.equal(bench.source.refresh(), undefined);
    bench.now += 2;
    const late = bench.source.refresh();
    assert.ok(late instanceof Promise, 'a reading that takes long is waited for');
    await bench.finish();
    await late;
    assert.equal(bench.readings, 2);
  });

  it('who asks after a pause waits for a new reading', async () => {
    const bench = new Bench();
    bench.source.refresh();
    await bench.finish();
    bench.now += 60_000;
    const waiting = bench.source.refresh();
    assert.ok(waiting instanceof Promise);
    await bench.finish();
    await waiting;
    assert.equal(bench.source.refresh(), undefined);
  });

  it('with a maximal age of 0 reads for each who asks, and shares a reading under way', async () => {
    const bench = new Bench(0);
    for (let i = 1; i <= 3; i++) {
      const waiting = bench.source.refresh();
      bench.source.refresh();
      assert.equal(bench.readings, i);
      await bench.finish();
      await waiting;
    }
  });

  it('a reading that fails leaves no device, is told once, and tried again after the age', async () => {
    const bench = new Bench();
    for (const what of ['gone', 'gone', 'forbidden']) {
      const waiting = bench.source.refresh();
      await bench.finish(new Error(what));
      await waiting;
      assert.equal(bench.roster.device, undefined);
      assert.equal(bench.source.refresh(), undefined, 'not at once');
      bench.now += 2000;
    }
    assert.deepEqual(bench.problems, ['gone', 'forbidden']);
    assert.equal(bench.source.failures, 3);
    const waiting = bench.source.refresh();
    await bench.finish();
    await waiting;
    assert.equal(bench.roster.device, EXAMPLE);
    assert.deepEqual(bench.problems, ['gone', 'forbidden', undefined]);
  });

  it('nobody waits for ever for a reading that hangs', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const bench = new Bench();
    const waiting = bench.source.refresh();
    test.mock.timers.tick(2000);
    await waiting;
    assert.equal(bench.roster.device, undefined);
    await bench.finish();
    assert.equal(bench.roster.device, EXAMPLE, 'it is taken all the same when it comes');
  });
});
