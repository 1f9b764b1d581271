import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  COMPARABLE_MS,
  decodeNatBehaviour,
  encodeNatBehaviour,
  NAT_BEHAVIOUR_LENGTH,
  type NatBehaviour,
  natBehaviour,
  natText,
  type Observation,
  UNKNOWN_BEHAVIOUR,
} from '../../../src/client/paths/nat-behaviour.js';
import { parseEndpoint } from '../../../src/wire/endpoint.js';
import { hex, testHostileBytes } from '../../wire/codec.js';

const WIREGUARD = 51820;
const OWN = ['192.168.1.7', '2001:db8::7'];
/** Two ports of one address, and another address. */
const MAIN = '198.51.100.1:49918';
const PROBE = '198.51.100.1:49919';
const OTHER = '198.51.100.2:3478';

type Seen = readonly [asked: string, mapped: string, localPort?: number];

/** Observations in order, one after another each 10 ms: where, what was seen, and from which port. */
function observe(...seen: readonly Seen[]): Observation[] {
  return seen.map(([asked, mapped, localPort = WIREGUARD], i) => ({
    localPort,
    asked: parseEndpoint(asked),
    mapped: parseEndpoint(mapped),
    at: 10 * i,
  }));
}

const judge = (...seen: readonly Seen[]) => natBehaviour(observe(...seen), OWN);

/** Mappings of several local ports to one destination, with these outside ports in order. */
function mappings(...ports: readonly number[]): Observation[] {
  return observe(
    [MAIN, `203.0.113.9:${ports[0]}`],
    [PROBE, `203.0.113.9:${ports[1]}`],
    ...ports.slice(2).map((port, i) => [MAIN, `203.0.113.9:${port}`, 40_000 + i] as const),
  );
}

test('nothing observed: nothing is known', () => {
  assert.deepEqual(natBehaviour([], OWN), UNKNOWN_BEHAVIOUR);
  assert.equal(natText(UNKNOWN_BEHAVIOUR), 'unknown');
});

test('no NAT: the address seen is one of this host, with the same port', () => {
  const direct = judge([MAIN, '192.168.1.7:51820']);
  assert.equal(direct.translation, 'none');
  assert.equal(natText(direct), 'none');
  const other = judge([MAIN, '192.168.1.7:51821']);
  assert.equal(other.translation, 'nat', 'a translated port is a NAT');
});

test('one observation shows whether the port is preserved, and nothing of the mapping', () => {
  const one = judge([MAIN, '203.0.113.9:51820']);
  assert.deepEqual(
    [one.translation, one.mapping, one.ports, one.isSeenAcrossAddresses],
    ['nat', 'unknown', 'preserved', false],
  );
});

test('two ports of one address: the same mapping does not depend on the port, and that is all', () => {
  const cone = judge([MAIN, '203.0.113.9:4001'], [PROBE, '203.0.113.9:4001']);
  assert.deepEqual(
    [cone.mapping, cone.isSeenAcrossAddresses, cone.ports],
    ['endpoint-independent', false, 'changed'],
  );
  assert.equal(
    natText(cone),
    'endpoint-independent mapping (seen from one address), ports changed',
  );
});

test('another mapping for another port is address and port-dependent', () => {
  const { mapping } = judge([MAIN, '203.0.113.9:4001'], [PROBE, '203.0.113.9:4002']);
  assert.equal(mapping, 'address-and-port-dependent');
});

test('a second address shows address-dependent mapping, and confirms an independent one', () => {
  const both = [
    [MAIN, '203.0.113.9:4001'],
    [PROBE, '203.0.113.9:4001'],
  ] as const;
  assert.equal(judge(...both, [OTHER, '203.0.113.9:4002']).mapping, 'address-dependent');
  const confirmed = judge(...both, [OTHER, '203.0.113.9:4001']);
  assert.deepEqual(
    [confirmed.mapping, confirmed.isSeenAcrossAddresses],
    ['endpoint-independent', true],
  );
  assert.equal(natText(confirmed), 'endpoint-independent mapping, ports changed');
  const harder = judge([MAIN, '203.0.113.9:4001'], [OTHER, '203.0.113.9:4002']);
  assert.equal(harder.mapping, 'address-and-port-dependent', 'the harder one where both fit');
});

test('what a peer saw counts as another address', () => {
  const peer = '192.0.2.77:51820';
  const { mapping } = judge(
    [MAIN, '203.0.113.9:4001'],
    [PROBE, '203.0.113.9:4001'],
    [peer, '203.0.113.9:4077'],
  );
  assert.equal(mapping, 'address-dependent');
});

test('other local ports are not compared', () => {
  const { mapping } = judge([MAIN, '203.0.113.9:4001'], [PROBE, '203.0.113.9:4002', 40_000]);
  assert.equal(mapping, 'unknown');
});

test('a mapping that moved between two observations is not taken for a dependent one', () => {
  const asked = [
    [MAIN, '203.0.113.9:4001'],
    [PROBE, '203.0.113.9:5001'],
  ] as const;
  assert.equal(judge(...asked).mapping, 'address-and-port-dependent');
  assert.equal(judge(...asked, [MAIN, '203.0.113.9:5001']).mapping, 'endpoint-independent');
  const [before, after] = observe(...asked);
  const late = { ...after!, at: before!.at + COMPARABLE_MS + 1 };
  assert.equal(natBehaviour([before!, late], OWN).mapping, 'unknown', 'too far apart');
});

test('the order of the observations does not matter', () => {
  const seen = mappings(2000, 2001, 2002, 2003);
  assert.deepEqual(natBehaviour([...seen].reverse(), OWN), natBehaviour(seen, OWN));
});

test('ports that step, up or down, with those of others in between', () => {
  assert.equal(natBehaviour(mappings(2000, 2001, 2002, 2003), OWN).step, 1);
  assert.equal(natBehaviour(mappings(2000, 2002, 2007, 2009), OWN).step, 2);
  assert.equal(natBehaviour(mappings(2009, 2008, 2007), OWN).step, -1);
  assert.equal(natBehaviour(mappings(2000, 2001), OWN).step, 0, 'two ports are no rule');
  assert.equal(natBehaviour(mappings(2000, 2001, 2000 + 400), OWN).step, 0);
  assert.equal(natBehaviour(mappings(2000, 2003, 2001), OWN).step, 0);
});

test('ports of a carrier NAT lie in the block that they suggest', () => {
  for (const size of [512, 1024, 2048, 4096]) {
    for (const start of [1024, 20_000, 65_536 - size]) {
      // The share of a block where ports drawn at random lie on average, and an unlucky draw.
      for (const shares of [
        [0.2, 0.8, 0.4, 0.6, 0.5, 0.3],
        [0.9, 0.1, 0.6, 0.3, 0.7, 0.5],
      ]) {
        const ports = shares.map((share) => start + Math.floor(share * size));
        const { block } = natBehaviour(mappings(...ports), OWN);
        assert.ok(block, `${ports}`);
        assert.ok(block.size >= size / 2 && block.size <= 4096, `${block.size} for ${size}`);
        assert.ok(ports.every((port) => port >= block.first && port < block.first + block.size));
        assert.ok(block.first >= 1024 && block.first + block.size <= 65_536);
      }
    }
  }
});

test('random ports of all suggest no block, nor do two, nor those of a cone', () => {
  assert.equal(natBehaviour(mappings(2000, 60_000, 30_000, 9000), OWN).block, undefined);
  assert.equal(natBehaviour(mappings(2000, 2100), OWN).block, undefined);
  const cone = judge([MAIN, '203.0.113.9:4001'], [PROBE, '203.0.113.9:4001']);
  assert.equal(cone.block, undefined);
});

test('hairpinning is said of a NAT only', () => {
  const seen = observe([MAIN, '203.0.113.9:51820'], [PROBE, '203.0.113.9:51820']);
  assert.match(natText(natBehaviour(seen, OWN, 'yes')), /ports preserved, hairpinning$/);
  assert.match(natText(natBehaviour(seen, OWN, 'no')), /no hairpinning$/);
  const direct = observe([MAIN, '192.168.1.7:51820']);
  assert.equal(natBehaviour(direct, OWN, 'no').hairpinning, 'unknown');
});

const SAMPLE: NatBehaviour = {
  translation: 'nat',
  mapping: 'address-and-port-dependent',
  isSeenAcrossAddresses: true,
  ports: 'changed',
  step: -2,
  block: { first: 20_224, size: 2048 },
  hairpinning: 'no',
};

test('NAT behaviour: exact bytes', () => {
  assert.deepEqual(encodeNatBehaviour(SAMPLE), hex('6e 0e fe 4f'));
  assert.deepEqual(encodeNatBehaviour(UNKNOWN_BEHAVIOUR), hex('00 00 00 00'));
  assert.deepEqual(decodeNatBehaviour(hex('00 00 00 00')), UNKNOWN_BEHAVIOUR);
});

test('NAT behaviour: round trip', () => {
  const behaviour = fc.record<NatBehaviour>(
    {
      translation: fc.constantFrom('unknown', 'none', 'nat'),
      mapping: fc.constantFrom(
        'unknown',
        'endpoint-independent',
        'address-dependent',
        'address-and-port-dependent',
      ),
      isSeenAcrossAddresses: fc.boolean(),
      ports: fc.constantFrom('unknown', 'preserved', 'changed'),
      step: fc.integer({ min: -127, max: 127 }),
      block: fc.option(
        fc.record(
          {
            first: fc.integer({ min: 4, max: 240 }).map((it) => it * 256),
            size: fc.constantFrom(512, 1024, 2048, 4096),
          },
          { noNullPrototype: true },
        ),
        { nil: undefined },
      ),
      hairpinning: fc.constantFrom('unknown', 'yes', 'no'),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(behaviour, (it) => {
      assert.deepEqual(decodeNatBehaviour(encodeNatBehaviour(it)), it);
    }),
  );
});

test('NAT behaviour: whatever a peer sends, a block has ports that exist', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      const { block, step } = decodeNatBehaviour(bytes)!;
      assert.ok(block === undefined || (block.first >= 1024 && block.first + block.size <= 65_536));
      assert.ok(step >= -128 && step <= 127);
    }),
  );
});

testHostileBytes('NAT behaviour', decodeNatBehaviour, encodeNatBehaviour(SAMPLE));

test('NAT behaviour: more bytes than this version knows are passed over', () => {
  const longer = Uint8Array.of(...encodeNatBehaviour(SAMPLE), 1, 2, 3);
  assert.equal(NAT_BEHAVIOUR_LENGTH, 4);
  assert.deepEqual(decodeNatBehaviour(longer), SAMPLE);
});
