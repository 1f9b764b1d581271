import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  EndpointTable,
  type EndpointTableOptions,
  REGISTRATION,
} from '../../../src/server/classic/endpoint-table.js';
import type { Family } from '../../../src/wire/endpoint.js';
import { type Holder, mayAdd } from './classic-model.js';

const TTL_MS = 1000;

/** The table under test, with keys and endpoints as small numbers. */
class Subject {
  readonly table: EndpointTable;

  constructor(options: Partial<EndpointTableOptions> = {}) {
    this.table = new EndpointTable({
      maxPeers: 100_000,
      ttlMs: TTL_MS,
      share: 0.999,
      hashKey: { low: 11, high: 22 },
      initialSlots: 2,
      ...options,
    });
  }

  register(key: number, family: Family, endpoint: number, now: number) {
    const words = keyWords(key);
    const addresses = Uint32Array.of(endpoint, 0, 0, family, 1000 + endpoint);
    const hash = this.table.hash(words, 0);
    return this.table.register(words, 0, hash, family, addresses, 0, now | 0);
  }

  /** The endpoint of a key, or undefined. */
  find(key: number, family: Family, now: number): number | undefined {
    const words = keyWords(key);
    const row = this.table.find(words, 0, this.table.hash(words, 0), family, now | 0);
    if (row === 0) {
      return undefined;
    }
    const found = new Uint32Array(5);
    this.table.copyEndpoint(row, found, 0);
    assert.deepEqual([...found], [found[0]!, 0, 0, family, 1000 + found[0]!]);
    return found[0]!;
  }
}

function keyWords(key: number): Uint32Array {
  // Keys that differ in one word only, and in either half.
  const words = new Uint32Array(8).fill(0xfeedface);
  words[key % 8] = key;
  return words;
}

type Step =
  | { readonly kind: 'register'; key: number; family: Family; endpoint: number }
  | { readonly kind: 'wait'; ms: number; sweep: boolean };

const family = fc.constantFrom<Family>(4, 6);

function steps(keys: number, endpoint = fc.nat(3), registerWeight = 15): fc.Arbitrary<Step[]> {
  const register = fc.record({
    kind: fc.constant('register' as const),
    key: fc.integer({ min: 1, max: keys }),
    family,
    endpoint,
  });
  const wait = fc.record({
    kind: fc.constant('wait' as const),
    ms: fc.oneof(fc.nat(40), fc.constant(TTL_MS)),
    sweep: fc.boolean(),
  });
  const all = fc.oneof(
    { weight: registerWeight, arbitrary: register },
    { weight: 1, arbitrary: wait },
  );
  // Of another size than 'max', fast-check makes scripts of ten steps.
  return fc.array(all, { minLength: 1, maxLength: 400, size: 'max' });
}

/** A plain Map that does what the table should. */
class Model {
  readonly entries = new Map<string, Holder & { endpoint: number; seen: number }>();

  constructor(
    readonly maxPeers: number,
    readonly share: number,
  ) {}

  /** The entries that have not expired. */
  living(now: number): Holder[] {
    return [...this.entries.values()].filter(({ seen }) => now - seen < TTL_MS);
  }

  get(key: number, family: Family, now: number): number | undefined {
    const entry = this.entries.get(`${key}/${family}`);
    return entry !== undefined && now - entry.seen < TTL_MS ? entry.endpoint : undefined;
  }

  /** Each endpoint has networks of its own. */
  register(key: number, family: Family, endpoint: number, now: number): number {
    const name = `${key}/${family}`;
    const before = this.get(key, family, now);
    if (before !== undefined) {
      this.entries.set(name, { ...this.entries.get(name)!, endpoint, seen: now });
      return before === endpoint ? REGISTRATION.refreshed : REGISTRATION.moved;
    }
    const holder = {
      family,
      networks: new Array<string>(family === 4 ? 2 : 4).fill(`${endpoint}`),
    };
    if (!mayAdd(this.living(now), holder, this)) {
      return REGISTRATION.refused;
    }
    this.entries.set(name, { ...holder, endpoint, seen: now });
    return REGISTRATION.added;
  }
}

function runAgainstModel(
  script: readonly Step[],
  keys: number,
  maxPeers: number,
  { start = 0, share = 0.999 } = {},
) {
  const subject = new Subject({ maxPeers, share });
  const model = new Model(maxPeers, share);
  let now = start;
  for (const step of script) {
    if (step.kind === 'wait') {
      now += step.ms;
      if (step.sweep) {
        subject.table.expireDue(now);
      }
      continue;
    }
    const { key, family: over, endpoint } = step;
    const expected = model.register(key, over, endpoint, now);
    assert.equal(subject.register(key, over, endpoint, now), expected);
    assert.ok(subject.table.size <= maxPeers);
    assert.ok(subject.table.size >= model.living(now).length);
  }
  for (let key = 0; key <= keys; key++) {
    assert.equal(subject.find(key, 4, now), model.get(key, 4, now), `key ${key}`);
    assert.equal(subject.find(key, 6, now), model.get(key, 6, now), `key ${key}`);
  }
}

test('the table behaves as a Map does, through growth and expiry', () => {
  fc.assert(
    fc.property(steps(120), (script) => runAgainstModel(script, 120, 1000)),
    { numRuns: 300 },
  );
});

test('a small table holds exactly as many as it may, and never evicts the living', () => {
  fc.assert(
    fc.property(steps(12), fc.integer({ min: 1, max: 8 }), (script, maxPeers) =>
      runAgainstModel(script, 12, maxPeers),
    ),
    { numRuns: 300 },
  );
});

test('of a table that fills up, no source gets more than its share', () => {
  // No more rows than are looked at for expired ones before a key is refused.
  const maxPeers = fc.integer({ min: 17, max: 32 });
  const oneHeavy = fc.constantFrom(0, 0, 0, 0, 1, 2);
  const shares = fc.constantFrom(0.2, 0.5, 0.8);
  fc.assert(
    fc.property(steps(40, oneHeavy, 60), maxPeers, shares, (script, rows, share) =>
      runAgainstModel(script, 40, rows, { share }),
    ),
    { numRuns: 300 },
  );
});

for (const [bits, sign] of [
  [31, 'positive to negative'],
  [32, 'negative to positive'],
]) {
  test(`the clock may pass 2^${bits} ms, where ticks go from ${sign}`, () => {
    const start = 2 ** Number(bits) - 500;
    fc.assert(
      fc.property(steps(30), (script) => runAgainstModel(script, 30, 1000, { start })),
      { numRuns: 100 },
    );
  });
}

test('every key is found at every moment of growth', () => {
  const subject = new Subject();
  for (let key = 1; key <= 3000; key++) {
    assert.equal(subject.register(key, 4, key, 0), REGISTRATION.added);
    // All of them at times, and some that move from array to array, always.
    const from = key % 64 === 0 ? 1 : Math.max(1, key - 40);
    for (let earlier = from; earlier <= key; earlier++) {
      assert.equal(subject.find(earlier, 4, 0), earlier);
    }
    assert.equal(subject.find(key + 1, 4, 0), undefined);
  }
});

test('rows of expired entries are used again: memory does not grow with turnover', () => {
  const subject = new Subject({ maxPeers: 100 });
  let bytes = 0;
  for (let round = 0; round < 50; round++) {
    const now = round * TTL_MS;
    for (let i = 0; i < 88; i++) {
      assert.equal(subject.register(round * 100 + i, 4, i, now), REGISTRATION.added);
    }
    bytes ||= subject.table.bytes;
    assert.equal(subject.table.size, 88);
  }
  assert.ok(subject.table.bytes <= bytes);
  assert.equal(subject.table.expired, 49 * 88);
});

test('the sweep removes expired entries within a quarter of the time to live, and no others', () => {
  const subject = new Subject();
  for (let key = 1; key <= 5000; key++) {
    subject.register(key, 4, 1, 0);
  }
  for (let now = 50; now < TTL_MS * 1.5; now += 50) {
    for (let key = 1; key <= 100; key++) {
      subject.register(key, 4, 1, now);
    }
    subject.table.expireDue(now);
    if (now < TTL_MS) {
      assert.equal(subject.table.size, 5000);
    }
  }
  assert.equal(subject.table.size, 100);
  assert.equal(subject.table.expired, 4900);
});

test('no step of the sweep is unbounded, however long the loop stood still', () => {
  const subject = new Subject({ initialSlots: 1024 });
  for (let key = 1; key <= 20_000; key++) {
    subject.register(key, 4, key, 0);
  }
  subject.table.expireDue(0);
  subject.table.expireDue(TTL_MS * 1000);
  assert.equal(subject.table.size, 20_000 - 4096);
});

test('guesses are mostly right, and touching any of them changes nothing', () => {
  const subject = new Subject({ initialSlots: 1024 });
  let right = 0;
  for (let key = 1; key < 3000; key++) {
    subject.register(key, 4, key, 0);
    const words = keyWords(key);
    const hash = subject.table.hash(words, 0);
    const guess = subject.table.guess(hash);
    subject.table.touch(guess);
    right += guess === subject.table.find(words, 0, hash, 4, 0) ? 1 : 0;
  }
  assert.ok(right > 1500, `${right} of 2999`);
  assert.equal(subject.table.touch(0), 0);
  for (let key = 1; key < 3000; key++) {
    assert.equal(subject.find(key, 4, 0), key);
  }
});
