import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Mapping } from '../../src/client/paths/mapping-protocols.js';
import { type NatBehaviour, UNKNOWN_BEHAVIOUR } from '../../src/client/paths/nat-behaviour.js';
import { behaviourFacts, natFacts, natText } from '../../src/client/status/nat-facts.js';

const CONE: NatBehaviour = {
  ...UNKNOWN_BEHAVIOUR,
  translation: 'nat',
  mapping: 'endpoint-independent',
  ports: 'preserved',
};

const mapping = (more: Partial<Mapping> = {}): Mapping => ({
  protocol: 'NAT-PMP',
  address: '203.0.113.7',
  port: 51820,
  lifetimeMs: 3_600_000,
  release: async () => {},
  ...more,
});

const facts = (
  behaviour: NatBehaviour,
  local: string | undefined = '192.168.1.2',
  portMapping: Mapping | 'none' | undefined = undefined,
) => natFacts({ behaviour, local, portMapping });

describe('the facts about NATs', () => {
  it('leave out what is not known', () => {
    assert.deepEqual(facts(UNKNOWN_BEHAVIOUR), {});
    assert.deepEqual(
      natFacts({ behaviour: UNKNOWN_BEHAVIOUR, local: undefined, portMapping: undefined }),
      {},
    );
    assert.deepEqual(facts({ ...CONE, mapping: 'unknown' }), {});
    assert.equal(natText(facts(UNKNOWN_BEHAVIOUR)), 'not known');
  });

  it('have the mapping; without translation there is no NAT', () => {
    assert.deepEqual(facts(CONE), { mapping: 'endpoint-independent' });
    assert.deepEqual(facts({ ...CONE, mapping: 'address-and-port-dependent' }), {
      mapping: 'address-and-port-dependent',
    });
    assert.deepEqual(facts({ ...CONE, translation: 'none' }), { mapping: 'none' });
  });

  it('have hairpinning once it was tried', () => {
    assert.equal(facts({ ...CONE, hairpinning: 'yes' }).hairpin, true);
    assert.equal(facts({ ...CONE, hairpinning: 'no' }).hairpin, false);
    assert.deepEqual(behaviourFacts({ ...CONE, hairpinning: 'no' }), {
      mapping: 'endpoint-independent',
      hairpin: false,
    });
  });

  it('have a carrier NAT where this host or its router has an address of RFC 6598', () => {
    assert.equal(facts(CONE, '100.64.0.9').carrierNat, true);
    assert.equal(facts(CONE, '100.128.0.9').carrierNat, undefined);
    const behind = mapping({ address: '100.127.255.1' });
    assert.equal(facts(CONE, '192.168.1.2', behind).carrierNat, true);
    assert.equal(facts({ ...CONE, translation: 'none' }, '100.64.0.9').carrierNat, undefined);
  });

  it('have the mapped port, or that the router maps none', () => {
    for (const [protocol, name] of [
      ['PCP', 'pcp'],
      ['NAT-PMP', 'nat-pmp'],
      ['UPnP', 'upnp'],
    ] as const) {
      const { portMapping } = facts(CONE, undefined, mapping({ protocol }));
      assert.deepEqual(portMapping, { protocol: name, external: '203.0.113.7:51820' });
    }
    assert.equal(facts(CONE, undefined, 'none').portMapping, 'none');
    assert.equal(
      natText(facts(CONE, undefined, mapping())),
      'endpoint-independent mapping, port mapped by nat-pmp to 203.0.113.7:51820',
    );
  });
});
