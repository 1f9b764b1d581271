import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Family } from '../../../src/wire/endpoint.js';
import { hex } from '../../wire/codec.js';
import { Rendezvous } from '../rendezvous.js';
import { type Incoming, key } from '../requests.js';
import { ClassicModel, type ClassicModelOptions, type ModelDatagram } from './classic-model.js';

/** A whole number of tokens comes back in it, whatever the rate below. */
const TIME_STEP_MS = 100;
const TTL_MS = 10 * TIME_STEP_MS;
/** More than any of the tables below holds. */
const KEYS = 45;

/** Addresses, as bytes, and their networks from the narrowest to the widest; p and q are private. */
const PLACES = {
  4: [
    ['192.0.2.1', 'c0000201', 'a A'],
    ['192.0.2.2', 'c0000202', 'b A'],
    ['198.51.100.7', 'c6336407', 'c C'],
    ['192.168.7.7', 'c0a80707', 'p P'],
  ],
  6: [
    ['2001:db8::1', '20010db8000000000000000000000001', 'd D1 D2 D3'],
    ['2001:db8::f:0:0:1', '20010db800000000000f000000000001', 'd D1 D2 D3'],
    ['2001:db8:0:1::1', '20010db8000000010000000000000001', 'e D1 D2 D3'],
    ['2001:db8:0:100::1', '20010db8000001000000000000000001', 'f F1 D2 D3'],
    ['2001:db8:1::1', '20010db8000100000000000000000001', 'g G1 G2 D3'],
    ['fd00::1', 'fd000000000000000000000000000001', 'q Q1 Q2 Q3'],
  ],
} as const;

interface Datagram extends Incoming {
  readonly model: ModelDatagram;
}

interface Step {
  readonly family: Family;
  readonly datagrams: readonly Datagram[];
  /** What passes before. */
  readonly steps: number;
  /** Whether expired entries are swept meanwhile, or found when they are met. */
  readonly swept: boolean;
}

/** Datagrams of one family; most are requests, of few keys. */
function datagram(family: Family): fc.Arbitrary<Datagram> {
  // The first place is the busiest, so that its source reaches its share.
  const place = fc.oneof(
    { weight: 3, arbitrary: fc.constant(PLACES[family][0]) },
    { weight: 1, arbitrary: fc.constantFrom(...PLACES[family]) },
  );
  const port = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(0x1234, 0x00ff, 0xff00) },
    { weight: 1, arbitrary: fc.constant(0) },
  );
  const number = fc.oneof(
    { weight: 30, arbitrary: fc.integer({ min: 1, max: KEYS }) },
    { weight: 1, arbitrary: fc.constant(0) },
  );
  const keys = fc.record({ mine: number, theirs: number });
  const other = fc
    .uint8Array({ maxLength: 200, size: 'max' })
    .map((bytes) => (bytes.length === 64 ? bytes.subarray(1) : bytes));
  return fc
    .tuple(place, port, fc.option(keys, { freq: 20 }), other)
    .map(([[from, address, networks], port, keys, other]) => ({
      from,
      port,
      payload: keys === null ? other : requestOf(keys),
      model: {
        family,
        source: networks.split(' ')[0]!,
        networks: networks.split(' '),
        isPrivate: /^[pq]/.test(networks),
        endpoint: Uint8Array.of(...hex(address), port >> 8, port & 0xff),
        keys: keys ?? undefined,
      },
    }));
}

function requestOf({ mine, theirs }: { mine: number; theirs: number }): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set(mine === 0 ? new Uint8Array(32) : key(mine));
  bytes.set(theirs === 0 ? new Uint8Array(32) : key(theirs), 32);
  return bytes;
}

function step(family: Family): fc.Arbitrary<Step> {
  return fc.record({
    family: fc.constant(family),
    datagrams: fc.array(datagram(family), { maxLength: 24, size: 'max' }),
    steps: fc.oneof({ weight: 4, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(12) }),
    swept: fc.boolean(),
  });
}

const script = fc.array(fc.oneof(step(4), step(6)), { minLength: 1, maxLength: 25, size: 'max' });

// Of a full table 32 rows are looked at for expired ones: up to that size it never holds any too long.
const options: fc.Arbitrary<ClassicModelOptions> = fc.record({
  maxPeers: fc.constantFrom(3, 20, 32),
  ttlMs: fc.constant(TTL_MS),
  share: fc.constantFrom(0.3, 0.5, 0.9),
  rate: fc.constantFrom(0, 0, 10, 50),
  burst: fc.integer({ min: 1, max: 40 }),
});

/** Runs a script on both; returns the counts. */
function run(steps: readonly Step[], options: ClassicModelOptions) {
  const model = new ClassicModel(options);
  const rendezvous = new Rendezvous(options);
  for (const { family, datagrams, steps: waited, swept } of steps) {
    const ms = waited * TIME_STEP_MS;
    model.wait(ms);
    if (swept) {
      rendezvous.wait(ms);
    } else {
      rendezvous.now += ms;
    }
    const expected = datagrams.map(({ model: it }) => model.reply(it));
    assert.deepEqual(rendezvous.deliver(datagrams, family), expected);
    assert.deepEqual(rendezvous.counts, model.counts);
    assert.ok(rendezvous.table.size <= options.maxPeers);
  }
  return model.counts;
}

test('every reply and every count agrees with a Map', () => {
  const total: Record<string, number> = {};
  fc.assert(
    fc.property(script, options, (steps, it) => {
      for (const [name, count] of Object.entries(run(steps, it))) {
        total[name] = (total[name] ?? 0) + count;
      }
    }),
    { numRuns: 150 },
  );
  // What never happens is not tested.
  for (const [name, count] of Object.entries(total)) {
    assert.ok(count > 50, `${name}: ${count}`);
  }
});
