import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab, until } from '../../src/lab/index.js';
import { UdpProbe } from './udp-probe.js';

const INSIDE_PORT = 4000;
/** Two ports of rv and one of another host, to distinguish the kinds of mapping and filtering. */
const FIRST = 5001;
const SECOND = 5002;

const HOSTS = {
  cone: { nat: 'cone' },
  symm: { nat: 'symmetric' },
  full: { nat: 'full-cone' },
  cgnat: { nat: 'cgnat' },
  poison: { nat: 'poisoning' },
  fire: { nat: 'firewall6' },
  twin: { sameNatAs: 'cone' },
  other: { nat: 'none' },
} as const;

/** RFC 4787, 4.1 and 5. */
const BEHAVIOUR = [
  { name: 'cone', mapping: 'endpoint-independent', filtering: 'address and port-dependent' },
  { name: 'symm', mapping: 'address and port-dependent', filtering: 'address and port-dependent' },
  { name: 'full', mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  { name: 'cgnat', mapping: 'endpoint-independent', filtering: 'address and port-dependent' },
  { name: 'poison', mapping: 'endpoint-independent', filtering: 'address and port-dependent' },
  { name: 'fire', mapping: 'none', filtering: 'address and port-dependent' },
] as const;

describe('a NAT of the lab', () => {
  let lab: Lab<keyof typeof HOSTS>;
  let rv: UdpProbe;
  let other: UdpProbe;
  before(async () => {
    const entries = Object.entries(HOSTS).map(([name, host]) => [
      name,
      { ...host, wireguard: false },
    ]);
    lab = await createLab({ hosts: Object.fromEntries(entries) });
    rv = await UdpProbe.open(lab.rendezvous, FIRST, SECOND);
    other = await UdpProbe.open(lab.host('other'), FIRST);
  });
  after(() => lab.dispose());

  for (const { name, mapping, filtering } of BEHAVIOUR.filter(({ name }) => name !== 'fire')) {
    it(`${HOSTS[name].nat}: ${mapping} mapping, ${filtering} filtering`, async () => {
      const host = lab.host(name);
      await using inside = await UdpProbe.open(host, INSIDE_PORT);
      const [outside] = host.outsideAddresses;

      inside.send(INSIDE_PORT, lab.rendezvous.address, FIRST, `${name} 1`);
      const seen = await rv.receive(`${name} 1`);
      assert.equal(seen.from, outside);
      assert.deepEqual(
        { address: seen.from, port: seen.fromPort },
        pick(await lab.mappedEndpoint(name, 'rv', INSIDE_PORT)),
      );

      // The other port and the other host send before anything was sent to them.
      const gate = await host.gateways
        .at(-1)
        ?.cable.count({ direction: 'inbound', protocol: 'udp' });
      rv.send(SECOND, seen.from, seen.fromPort, 'same address, other port');
      other.send(FIRST, seen.from, seen.fromPort, 'other address');
      await until('both to reach the gateway', async () => (await gate?.packets()) === 2);
      rv.send(FIRST, seen.from, seen.fromPort, 'the answer');
      await inside.receive('the answer');
      const texts = inside.received.map(({ text }) => text).sort();
      const open = filtering === 'endpoint-independent';
      assert.deepEqual(
        texts,
        open ? ['other address', 'same address, other port', 'the answer'] : ['the answer'],
      );

      // The mappings towards another host and another port. These packets have poisoned a poisoning NAT,
      // which the next test covers.
      if (name !== 'poison') {
        inside.send(INSIDE_PORT, lab.host('other').address, FIRST, `${name} 2`);
        inside.send(INSIDE_PORT, lab.rendezvous.address, SECOND, `${name} 3`);
        const ports = new Set([
          seen.fromPort,
          (await other.receive(`${name} 2`)).fromPort,
          (await rv.receive(`${name} 3`)).fromPort,
        ]);
        assert.equal(ports.size, mapping === 'endpoint-independent' ? 1 : 3);
      }
    });
  }

  for (const [name, moved] of [
    ['poison', true],
    ['cone', false],
  ] as const) {
    const effect = moved ? 'moves' : 'does not move';
    it(`${HOSTS[name].nat}: an early packet from outside ${effect} the later mapping`, async () => {
      const host = lab.host(name);
      const port = INSIDE_PORT + 1;
      await using inside = await UdpProbe.open(host, port);
      const [outside] = host.outsideAddresses as [string];
      const gate = await host.gateways[0]?.cable.count({ destinationPort: port });
      other.send(FIRST, outside, port, 'too early');
      await until('it to reach the gateway', async () => (await gate?.packets()) === 1);
      inside.send(port, lab.host('other').address, FIRST, `${name} late`);
      const { fromPort } = await other.receive(`${name} late`);
      assert.equal(fromPort !== port, moved);
    });
  }

  it('cone: a moved mapping loses the old port and keeps the new one', async () => {
    const host = lab.host('cone');
    const [port, moved] = [INSIDE_PORT + 3, 45_000];
    await using inside = await UdpProbe.open(host, port);
    inside.send(port, lab.rendezvous.address, FIRST, 'before');
    assert.equal((await rv.receive('before')).fromPort, port);
    await host.gateways[0]?.moveMapping(port, moved);
    inside.send(port, lab.rendezvous.address, FIRST, 'after');
    assert.equal((await rv.receive('after')).fromPort, moved);
    inside.send(port, lab.host('other').address, FIRST, 'elsewhere');
    assert.equal((await other.receive('elsewhere')).fromPort, moved);
  });

  it('same NAT: two hosts with the same port share an address and get different ports', async () => {
    const port = INSIDE_PORT + 2;
    await using first = await UdpProbe.open(lab.host('cone'), port);
    await using second = await UdpProbe.open(lab.host('twin'), port);
    first.send(port, lab.rendezvous.address, FIRST, 'from cone');
    const seen = await rv.receive('from cone');
    second.send(port, lab.rendezvous.address, FIRST, 'from twin');
    const twin = await rv.receive('from twin');
    assert.equal(twin.from, seen.from);
    assert.notEqual(twin.fromPort, seen.fromPort);
    assert.deepEqual(
      { address: twin.from, port: twin.fromPort },
      pick(await lab.mappedEndpoint('twin', 'rv', port)),
    );
    // Inside, they reach each other without the gateway.
    first.send(port, lab.host('twin').address, port, 'hello neighbour');
    assert.equal((await second.receive('hello neighbour')).from, lab.host('cone').address);
  });

  it('firewall6: keeps addresses and filters by address and port', async () => {
    const host = lab.host('fire');
    const [address] = host.addresses[6] as [string];
    assert.deepEqual(host.addresses[4], []);
    const [rv6] = lab.rendezvous.addresses[6] as [string];
    await using inside = await UdpProbe.open(host, INSIDE_PORT);
    await using first = await UdpProbe.open6(lab.rendezvous, 6001, 6002);
    inside.send(INSIDE_PORT, rv6, 6001, 'six');
    const seen = await first.receive('six');
    assert.deepEqual([seen.from, seen.fromPort], [address, INSIDE_PORT]);
    const gate = await host.gateways[0]?.cable.count({ direction: 'inbound', protocol: 'udp' });
    first.send(6002, address, INSIDE_PORT, 'other port');
    await until('it to reach the firewall', async () => (await gate?.packets()) === 1);
    first.send(6001, address, INSIDE_PORT, 'the answer');
    await inside.receive('the answer');
    assert.deepEqual(
      inside.received.map(({ text }) => text),
      ['the answer'],
    );
  });
});

function pick(value: { address: string; port: number } | undefined) {
  return value && { address: value.address, port: value.port };
}
