import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HardNat, type HardNatAction, hardNatRole } from '../../../src/client/paths/hard-nat.js';
import {
  type NatBehaviour,
  natBehaviour,
  UNKNOWN_BEHAVIOUR,
} from '../../../src/client/paths/nat-behaviour.js';
import { type RandomBelow, socketCount } from '../../../src/client/paths/port-guesses.js';
import { endpoint } from '../../../src/wire/endpoint.js';
import { seeded } from './seeded.js';

const HARD = endpoint('198.51.100.10', 40_000);
const EASY = endpoint('198.51.100.11', 51_820);
const ONE_WAY_MS = 25;
const RANDOM = { last: 40_000, step: 0, block: undefined };

/** Runs a machine until a time, and returns its actions with their times. */
function run(machine: HardNat, from: number, until: number): [number, HardNatAction][] {
  const done: [number, HardNatAction][] = [];
  for (let now = from; now <= until; now = Math.max(machine.nextAt, now + 0.1)) {
    done.push(...machine.actions(now).map((action): [number, HardNatAction] => [now, action]));
  }
  return done;
}

function countOf(actions: readonly [number, HardNatAction][], type: HardNatAction['type']): number {
  return actions.filter(([, action]) => action.type === type).length;
}

const EASY_NAT: NatBehaviour = {
  ...UNKNOWN_BEHAVIOUR,
  translation: 'nat',
  mapping: 'endpoint-independent',
};
const HARD_NAT: NatBehaviour = {
  ...EASY_NAT,
  mapping: 'address-and-port-dependent',
  ports: 'changed',
};

describe('hardNatRole', () => {
  it('needs one hard side and one easy side', () => {
    assert.equal(hardNatRole(HARD_NAT, EASY_NAT), 'sockets');
    assert.equal(hardNatRole(EASY_NAT, HARD_NAT), 'ports');
    assert.equal(hardNatRole(HARD_NAT, { ...EASY_NAT, translation: 'none' }), 'sockets');
    assert.equal(hardNatRole({ ...HARD_NAT, mapping: 'address-dependent' }, EASY_NAT), 'sockets');
    for (const [own, peer] of [
      [HARD_NAT, HARD_NAT],
      [EASY_NAT, EASY_NAT],
      [UNKNOWN_BEHAVIOUR, HARD_NAT],
      [HARD_NAT, UNKNOWN_BEHAVIOUR],
      [{ ...HARD_NAT, ports: 'preserved' } as const, EASY_NAT],
    ] as const) {
      assert.equal(hardNatRole(own, peer), undefined);
    }
  });
});

describe('the side with many ports', () => {
  const peer = { role: 'ports', remote: HARD, pattern: RANDOM } as const;

  it('sends 250 probes a second to distinct ports of the observed address, for 8 s', () => {
    const machine = new HardNat(seeded(1));
    machine.add('h', peer, 0);
    const probes = run(machine, 0, 29_999);
    assert.equal(probes.length, countOf(probes, 'probe'));
    assert.equal(probes.length, 2_000);
    assert.ok(probes.every(([at]) => at <= 8_000));
    for (let start = 0; start < 8_000; start += 50) {
      const count = probes.filter(([at]) => at >= start && at < start + 1_000).length;
      assert.ok(count <= 250, `${count} probes from ${start} ms`);
    }
    const ports = probes.map(([, action]) => (action.type === 'probe' ? action.to.port : 0));
    assert.equal(new Set(ports).size, ports.length);
    assert.ok(probes.every(([, one]) => one.type === 'probe' && one.to.address === HARD.address));
  });

  it('rests with growing pauses', () => {
    const machine = new HardNat(seeded(1));
    machine.add('h', peer, 0);
    const seconds = new Set(run(machine, 0, 1_000_000).map(([at]) => Math.floor(at / 1_000)));
    const starts = [...seconds].filter((second) => !seconds.has(second - 1));
    assert.deepEqual(starts, [0, 30, 90, 210, 450, 750]);
  });

  it('does not make up for time that it did not run', () => {
    const machine = new HardNat(seeded(1));
    machine.add('h', peer, 0);
    machine.actions(0);
    assert.equal(machine.actions(5_000).length, 16);
    assert.equal(machine.actions(5_003).length, 0);
    assert.equal(machine.actions(5_004).length, 4);
  });

  it('gives one peer at a time its round, the others in turn', () => {
    const machine = new HardNat(seeded(1));
    for (const key of ['x', 'y', 'z']) {
      machine.add(key, peer, 0);
    }
    const actions = run(machine, 0, 54_000);
    const order = actions.map(([, { key }]) => key);
    assert.deepEqual(
      order.filter((key, index) => key !== order[index - 1]),
      ['x', 'y', 'z', 'x', 'y', 'z'],
    );
    assert.ok(actions.length <= 12_010);
  });

  it('follows what is learned of the ports in the middle of a round', () => {
    const machine = new HardNat(seeded(1));
    machine.add('h', peer, 0);
    run(machine, 0, 100);
    machine.add('h', { ...peer, pattern: { ...RANDOM, block: { first: 20_480, size: 512 } } }, 100);
    const ports = run(machine, 101, 1_900).map(([, one]) =>
      one.type === 'probe' ? one.to.port : 0,
    );
    assert.ok(ports.length > 200 && ports.every((port) => port >> 9 === 40), `${ports}`);
  });

  it('ends at once for a peer that is removed', () => {
    const machine = new HardNat(seeded(1));
    machine.add('h', peer, 0);
    assert.ok(run(machine, 0, 100).length > 20);
    machine.remove('h');
    assert.deepEqual(machine.actions(101), []);
    assert.equal(machine.nextAt, Number.POSITIVE_INFINITY);
  });

  it('rests for 30 s from its last round on, however often the peer goes and comes back', () => {
    const machine = new HardNat(seeded(1));
    const probes: number[] = [];
    for (let now = 0; now < 100_000; now += 500) {
      machine.add('h', peer, now);
      probes.push(...run(machine, now, now + 499).map(([at]) => at));
      machine.remove('h');
    }
    const seconds = [...new Set(probes.map((at) => Math.floor(at / 1_000)))];
    assert.deepEqual(seconds, [0, 30, 60, 90]);
  });

  it('starts at once for a peer that comes back later, and then rests as at first', () => {
    const machine = new HardNat(seeded(1));
    machine.add('h', peer, 0);
    run(machine, 0, 299_000);
    machine.remove('h');
    machine.add('h', peer, 300_000);
    const seconds = new Set(
      run(machine, 300_000, 400_000).map(([at]) => Math.floor(at / 1_000) - 300),
    );
    const starts = [...seconds].filter((second) => !seconds.has(second - 1));
    assert.deepEqual(starts, [0, 30, 90]);
  });

  it('remembers the last rounds of a bounded number of peers that are gone', () => {
    const machine = new HardNat(seeded(1));
    const probes = (key: string, now: number) => {
      machine.add(key, peer, now);
      const count = run(machine, now, now + 100).length;
      machine.remove(key);
      return count;
    };
    for (let i = 0; i <= 1024; i++) {
      assert.ok(probes(`p${i}`, 10 * i) > 0);
    }
    assert.equal(probes('p1024', 10_300), 0);
    assert.ok(probes('p0', 10_500) > 0);
  });
});

describe('the side with many sockets', () => {
  const peer = { role: 'sockets', remote: EASY, pattern: RANDOM } as const;

  it('opens sockets, sends one probe from each within 20 ms, and closes them after 20 s', () => {
    const machine = new HardNat(seeded(1));
    machine.add('e', peer, 0);
    const actions = run(machine, 0, 20_000);
    assert.deepEqual(actions[0], [0, { type: 'open', key: 'e', count: 256 }]);
    assert.deepEqual(actions.at(-1), [20_000, { type: 'close', key: 'e' }]);
    const sends = actions.flatMap(([at, action]) =>
      action.type === 'send' ? [{ at, action }] : [],
    );
    assert.ok(sends.every(({ at, action }) => at < 20 && action.to === EASY));
    assert.deepEqual(
      sends.flatMap(({ action }) => action.sockets),
      Array.from({ length: 256 }, (_, index) => index),
    );
  });

  it('takes turns with the sockets of another peer: neither misses the 8 s of its peer', () => {
    const machine = new HardNat(seeded(1));
    machine.add('x', peer, 0);
    machine.add('y', peer, 0);
    const opens = run(machine, 0, 100_000).filter(([, { type }]) => type === 'open');
    const turns = opens.map(([at, { key }]) => `${key} ${Math.round(at / 1_000)}`);
    assert.deepEqual(turns.slice(0, 6), ['x 0', 'y 4', 'x 8', 'y 12', 'x 16', 'y 20']);
    // The second round, after a pause.
    assert.ok(opens.filter(([at]) => at >= 30_000 && at < 60_000).length >= 6, `${turns}`);
    assert.ok(opens.length < 25, `${turns}`);
  });

  it('leaves sockets open that may have got through', () => {
    const machine = new HardNat(seeded(1));
    machine.add('e', peer, 0);
    run(machine, 0, 1_000);
    machine.remove('e');
    assert.equal(countOf(run(machine, 1_001, 60_000), 'close'), 0);
  });
});

/** How a NAT with endpoint-dependent mapping chooses ports: the n-th mapping's, never one twice. */
type Allocation = (ordinal: number, random: RandomBelow) => number;

const ALLOCATIONS: Readonly<Record<string, Allocation>> = {
  random: (_, random) => 1024 + random(64_512),
  'steps of 1': (ordinal) => 30_000 + ordinal,
  'steps of 2, with traffic of others': (ordinal, random) =>
    30_000 + 2 * (ordinal + (ordinal > 1 ? random(8) : 0)),
  'steps down': (ordinal) => 30_000 - 4 * ordinal,
  'block of 512': (_, random) => 20_480 + random(512),
  'block of 512 at an odd place': (_, random) => 20_801 + random(512),
  'block of 1024': (_, random) => 17_408 + random(1024),
  'block of 4096': (_, random) => 1024 + random(4096),
};

/** Simulates one round of both sides. Returns the time of success and the probes until then. */
function simulate(allocate: Allocation, seed: number): { ms: number; probes: number } | undefined {
  const random = seeded(seed);
  const used = new Set<number>();
  let ordinal = 0;
  const map = (): number => {
    for (;;) {
      const port = allocate(ordinal++, random);
      if (!used.has(port)) {
        used.add(port);
        return port;
      }
    }
  };
  // Towards two ports of the server, and from four other ports of the host.
  const observations = Array.from({ length: 6 }, (_, index) => ({
    localPort: index < 2 ? 51_820 : 40_000 + index,
    asked: endpoint('198.51.100.1', index === 1 ? 49_919 : 49_918),
    mapped: endpoint('198.51.100.10', map()),
    at: index,
  }));
  const { step, block } = natBehaviour(observations, []);
  const pattern = { last: observations[0]?.mapped.port as number, step, block };
  const hard = new HardNat(random);
  const easy = new HardNat(random);
  hard.add('easy', { role: 'sockets', remote: EASY, pattern }, 0);
  // One side learns of the other a little later.
  easy.add('hard', { role: 'ports', remote: HARD, pattern }, random(30));
  const openAt = new Map<number, number>();
  for (const [at, action] of run(hard, 0, 1_000)) {
    if (action.type === 'send') {
      for (const _ of action.sockets) {
        openAt.set(map(), at);
      }
    }
  }
  const probes = run(easy, 0, 8_000).filter(([, { type }]) => type === 'probe');
  const hit = probes.findIndex(
    ([at, action]) =>
      action.type === 'probe' && at + ONE_WAY_MS >= (openAt.get(action.to.port) ?? Number.NaN),
  );
  const [at] = probes[hit] ?? [];
  // The probe's way, and the way of the answer.
  return at === undefined ? undefined : { ms: at + 2 * ONE_WAY_MS, probes: hit + 1 };
}

describe('a round of both sides, simulated 500 times', () => {
  for (const [name, allocate] of Object.entries(ALLOCATIONS)) {
    it(`gets through a NAT with ports of this kind: ${name}`, (t) => {
      const results = Array.from({ length: 500 }, (_, seed) => simulate(allocate, seed + 1));
      const successes = results.filter((result) => result !== undefined);
      const median = (values: number[]) =>
        values.sort((a, b) => a - b)[values.length >> 1] as number;
      const ms = median(successes.map((result) => result.ms));
      const probes = median(successes.map((result) => result.probes));
      t.diagnostic(`${successes.length} of 500, median ${Math.round(ms)} ms, ${probes} probes`);
      assert.ok(successes.length >= 0.99 * results.length, `${successes.length} successes`);
      assert.ok(ms <= (name === 'random' ? 400 : 250), `${ms} ms`);
    });
  }

  it('opens no more sockets than a quarter of a block', () => {
    assert.equal(socketCount({ ...RANDOM, block: { first: 20_480, size: 512 } }), 512 / 4);
  });
});
