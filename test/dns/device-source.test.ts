import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DeviceSource } from '../../src/dns/device-source.js';
import { Roster } from '../../src/dns/roster.js';
import type { Device } from '../../src/wireguard/device.js';
import { WgError } from '../../src/wireguard/wg-error.js';
import { device, EXAMPLE, FIRST, peer } from './asking.js';

const MOVED = device([peer(FIRST.key, '9.9.9.9:9')]);

/** A device whose readings end when the test says so, on a fake clock. */
class Bench {
  now = 1_000_000;
  readonly roster = new Roster();
  /** Each problem as `what queries get: why`, and undefined for its end. */
  readonly problems: (string | undefined)[] = [];
  readonly source: DeviceSource;
  private readonly pending: { resolve: (it: Device) => void; reject: (it: Error) => void }[] = [];

  constructor({ maxAgeMs = 1000, maxStaleMs = 60_000 } = {}) {
    this.source = new DeviceSource({
      read: () => new Promise((resolve, reject) => this.pending.push({ resolve, reject })),
      roster: this.roster,
      maxAgeMs,
      maxStaleMs,
      now: () => this.now,
      onProblem: (it) => this.problems.push(it && `${it.answers}: ${it.error.message}`),
    });
  }

  get readings(): number {
    return this.source.readings;
  }

  /** Asks, and ends the reading that this may start. */
  async read(outcome: Device | Error = EXAMPLE): Promise<void> {
    this.source.refresh();
    await this.finish(outcome);
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

  /** Lets time pass, on the clock and on timers. */
  async pass(ms: number, test: TestContext): Promise<void> {
    this.now += ms;
    test.mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a device source', () => {
  it('reads nothing before the first query, and then once for all that wait', async () => {
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

  it('reads at most once in the maximum age, however many queries come', async () => {
    const bench = new Bench();
    for (let ms = 0; ms < 10_000; ms += 10) {
      await bench.read();
      bench.now += 10;
    }
    assert.equal(bench.readings, 10);
  });

  it('lets no query wait under load: the previous reading serves a moment longer', async () => {
    const bench = new Bench();
    await bench.read();
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
    assert.equal(bench.roster.isStale, false);
  });

  it('makes a query after a pause wait for a new reading', async () => {
    const bench = new Bench();
    await bench.read();
    bench.now += 50_000;
    const waiting = bench.source.refresh();
    assert.ok(waiting instanceof Promise);
    await bench.finish();
    await waiting;
    assert.equal(bench.source.refresh(), undefined);
  });

  it('reads for each query with a maximum age of 0, and shares a reading under way', async () => {
    const bench = new Bench({ maxAgeMs: 0 });
    for (let i = 1; i <= 3; i++) {
      const waiting = bench.source.refresh();
      bench.source.refresh();
      assert.equal(bench.readings, i);
      await bench.finish();
      await waiting;
    }
  });

  it('has no device after a failed reading, reports it once, and retries after the age', async () => {
    const bench = new Bench();
    await bench.read();
    bench.now += 2000;
    for (const what of ['gone', 'gone', 'forbidden']) {
      const waiting = bench.source.refresh();
      await bench.finish(new Error(what));
      await waiting;
      assert.equal(bench.roster.device, undefined);
      assert.equal(bench.source.refresh(), undefined, 'not at once');
      bench.now += 2000;
    }
    assert.deepEqual(bench.problems, ['servfail: gone', 'servfail: forbidden']);
    assert.equal(bench.source.failures, 3);
    await bench.read();
    assert.equal(bench.roster.device, EXAMPLE);
    assert.deepEqual(bench.problems.slice(2), [undefined]);
  });

  it('lets no query wait for ever for a reading that hangs', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const bench = new Bench();
    const waiting = bench.source.refresh();
    await bench.pass(2000, test);
    await waiting;
    assert.equal(bench.roster.device, undefined);
    assert.deepEqual(bench.problems, ['servfail: WireGuard has not answered within 2 s']);
    await bench.finish();
    assert.equal(bench.roster.device, EXAMPLE, 'a late reading counts all the same');
    assert.deepEqual(bench.problems.slice(1), [undefined]);
  });
});

describe('a device source under a slow WireGuard', () => {
  const LATE = 'last reading: WireGuard has not answered within 2 s';

  it('serves the last reading after 2 s, then to all at once, and reports it once', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const bench = new Bench();
    await bench.read();
    bench.now += 3000;
    const waiting = bench.source.refresh();
    assert.ok(waiting instanceof Promise);
    await bench.pass(1999, test);
    assert.deepEqual(bench.problems, []);
    await bench.pass(1, test);
    await waiting;
    assert.equal(bench.roster.device, EXAMPLE);
    assert.equal(bench.roster.isStale, true);
    assert.equal(bench.source.refresh(), undefined, 'no other query waits for this reading');
    assert.deepEqual(bench.problems, [LATE]);
    assert.equal(bench.readings, 2);
  });

  it('lets no query wait while each reading takes 3 s, and does not repeat the report', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const bench = new Bench();
    await bench.read();
    bench.now += 2000;
    bench.source.refresh();
    await bench.pass(3000, test);
    await bench.finish(MOVED);
    assert.equal(bench.roster.device, MOVED);
    assert.equal(bench.roster.isStale, false);
    for (let i = 0; i < 20; i++) {
      assert.equal(bench.source.refresh(), undefined);
      await bench.pass(1500, test);
      assert.equal(bench.source.refresh(), undefined);
      assert.equal(bench.roster.isStale, true);
      await bench.pass(1500, test);
      await bench.finish(MOVED);
    }
    assert.equal(bench.readings, 22);
    assert.deepEqual(bench.problems, [LATE]);
    bench.now += 30_000;
    assert.ok(bench.source.refresh() instanceof Promise, 'after a pause it may be quick again');
    await bench.finish(MOVED);
    assert.deepEqual(bench.problems, [LATE, undefined]);
  });

  it('gives up at the maximum stale age, and recovers with the next reading', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const bench = new Bench({ maxStaleMs: 10_000 });
    await bench.read();
    bench.now += 2000;
    bench.source.refresh();
    await bench.pass(2000, test);
    bench.now += 5999;
    assert.equal(bench.source.refresh(), undefined);
    assert.equal(bench.roster.device, EXAMPLE);
    bench.now += 1;
    bench.source.refresh();
    assert.equal(bench.roster.device, undefined);
    assert.deepEqual(bench.problems, [LATE, LATE.replace('last reading', 'servfail')]);
    await bench.finish(MOVED);
    assert.equal(bench.roster.device, MOVED);
    assert.equal(bench.problems.at(-1), undefined);
  });

  it('answers SERVFAIL after 2 s where the maximum stale age is 0', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const bench = new Bench({ maxStaleMs: 0 });
    await bench.read();
    bench.now += 2000;
    bench.source.refresh();
    await bench.pass(2000, test);
    assert.equal(bench.roster.device, undefined);
  });

  for (const [code, survives] of [
    ['WG_TIMEOUT', true],
    ['WG_FAILED', true],
    ['WG_NO_INTERFACE', false],
    ['WG_NOT_WIREGUARD', false],
  ] as const) {
    it(`${survives ? 'keeps' : 'drops'} the last reading after ${code}`, async () => {
      const bench = new Bench();
      await bench.read();
      bench.now += 2000;
      await bench.read(new WgError(code, 'why'));
      assert.equal(bench.roster.device, survives ? EXAMPLE : undefined);
      assert.equal(bench.roster.isStale, survives);
      assert.deepEqual(bench.problems, [`${survives ? 'last reading' : 'servfail'}: why`]);
    });
  }
});
