import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { meshHosts, planTopology, routesOf } from '../../src/lab/topology.js';

describe('planTopology', () => {
  const hosts = {
    n: {},
    a: { nat: 'cone' },
    d: { sameNatAs: 'a' },
    b: { nat: 'cgnat', ipv6: true },
    c: { nat: 'firewall6' },
  } as const;
  const nodes = planTopology(hosts, { rendezvousAddresses: 2 });
  const node = (name: string) => {
    const found = nodes.find((node) => node.name === name);
    assert.ok(found, name);
    return found;
  };

  it('plans each node after its upstream node', () => {
    assert.deepEqual(
      nodes.map(({ name, upstream }) => `${name} on ${upstream}`),
      [
        'rv on inet',
        'n on inet',
        'a-gw on inet',
        'a on a-gw',
        'd on a-gw',
        'b-cgn on inet',
        'b-gw on b-cgn',
        'b on b-gw',
        'c-gw on inet',
        'c on c-gw',
      ],
    );
  });

  it('assigns documentation addresses outside and private ones inside', () => {
    assert.deepEqual(node('rv').addresses, {
      4: ['198.51.100.1', '198.51.100.2'],
      6: ['2001:db8::1', '2001:db8::2'],
    });
    assert.deepEqual(node('n').addresses, { 4: ['198.51.100.10'], 6: ['2001:db8::10'] });
    assert.deepEqual(node('a').addresses, { 4: ['10.2.0.2'], 6: [] });
    assert.deepEqual(node('d').addresses, { 4: ['10.2.0.3'], 6: [] });
    assert.deepEqual(node('b').addresses, { 4: ['10.3.0.2'], 6: ['2001:db8:3:1::2'] });
    assert.deepEqual(node('b-gw').addresses, { 4: ['100.64.3.2'], 6: ['2001:db8:3:2::2'] });
    assert.deepEqual(node('c').addresses, { 4: [], 6: ['2001:db8:4:1::2'] });
  });

  it('assigns no address twice', () => {
    const all = nodes.flatMap(({ addresses, lan }) => [
      ...addresses[4],
      ...addresses[6],
      ...(lan?.[4] ?? []),
      ...(lan?.[6] ?? []),
    ]);
    assert.equal(new Set(all).size, all.length);
  });

  it('routes IPv6 to every site, and through a carrier NAT to the site behind it', () => {
    const aboutB = { prefix: '2001:db8:3::/48', via: '2001:db8::12', device: 'eth0' };
    assert.deepEqual(
      routesOf(node('rv'), nodes).filter(({ via }) => via === '2001:db8::12'),
      [aboutB],
    );
    assert.deepEqual(
      routesOf(node('b-cgn'), nodes).filter(({ device }) => device === 'lan'),
      [{ prefix: '2001:db8:3:1::/64', via: '2001:db8:3:2::2', device: 'lan' }],
    );
    assert.deepEqual(routesOf(node('a'), nodes), []);
  });

  it('puts the delay line on the uplink of each site, `rv` among them', () => {
    const distant = planTopology(
      { ...hosts, near: { distance: {} } },
      { distance: { roundTripMs: 40 } },
    );
    const sites = distant.filter(({ line }) => line?.delayMs === 10).map(({ name }) => name);
    assert.deepEqual(sites, ['rv', 'n', 'a-gw', 'b-cgn', 'c-gw']);
    assert.ok(distant.every(({ line }) => line === undefined || line.delayMs === 10));
  });

  it('plans a mesh of 100 hosts, each behind a NAT of its own', () => {
    const mesh = planTopology(meshHosts(100));
    const gateways = mesh.filter(({ kind }) => kind === 'cone');
    assert.equal(gateways.length, 100);
    const outside = gateways.flatMap(({ addresses }) => addresses[4]);
    assert.equal(new Set(outside).size, 100);
    assert.ok(outside.every((address) => Number(address.split('.')[3]) < 255));
  });

  for (const [what, unusable] of [
    ['a name that is too long for an interface', { averylongname: {} }],
    ['a name with a dot', { 'a.b': {} }],
    ['the name of the rendezvous host', { rv: {} }],
    ['a neighbour that does not exist', { a: { sameNatAs: 'b' } }],
    ['a neighbour without a gateway', { b: {}, a: { sameNatAs: 'b' } }],
    ['a neighbour and a NAT', { b: { nat: 'cone' }, a: { sameNatAs: 'b', nat: 'cone' } }],
    [
      'a neighbour and a distance',
      { b: { nat: 'cone' }, a: { sameNatAs: 'b', distance: { roundTripMs: 1 } } },
    ],
    ['the name of the delay lines', { lines: {} }],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => planTopology(unusable), RangeError);
    });
  }
});
