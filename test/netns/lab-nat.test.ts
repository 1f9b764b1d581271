import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab, until } from '../../src/lab/index.js';
import { BLOCK_SIZE, STEP } from '../../src/lab/nat-rules.js';
import { UdpProbe } from './udp-probe.js';

const INSIDE_PORT = 4000;
/** Two ports of rv and one of another host, to distinguish the kinds of mapping and filtering. */
const FIRST = 5001;
const SECOND = 5002;

const HOSTS = {
  cone: { nat: 'cone' },
  symm: { nat: 'symmetric' },
  full: { nat: 'full-cone' },
  step: { nat: 'stepping' },
  cgnat: { nat: 'cgnat' },
  block: { nat: 'cgnat-block' },
  block2: { sameCarrierAs: 'block' },
  mapper: { nat: 'port-mapping' },
  poison: { nat: 'poisoning' },
  fire: { nat: 'firewall6' },
  home1: { nat: 'cone', homeNetwork: '192.168.1' },
  home2: { nat: 'cone', homeNetwork: '192.168.1' },
  twin: { sameNatAs: 'cone' },
  other: { nat: 'none' },
} as const;

/** RFC 4787, 4.1 and 5. */
const BEHAVIOUR = [
  { name: 'cone', mapping: 'endpoint-independent', filtering: 'address and port-dependent' },
  { name: 'symm', mapping: 'address and port-dependent', filtering: 'address and port-dependent' },
  { name: 'step', mapping: 'address and port-dependent', filtering: 'address and port-dependent' },
  { name: 'block', mapping: 'address and port-dependent', filtering: 'address and port-dependent' },
  {
    name: 'mapper',
    mapping: 'address and port-dependent',
    filtering: 'address and port-dependent',
  },
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

  /** The outside ports of many sockets of a host, in the order of their packets. */
  async function outsidePorts(name: keyof typeof HOSTS, count: number): Promise<number[]> {
    const ports = Array.from({ length: count }, (_, index) => 7001 + index);
    await using inside = await UdpProbe.open(lab.host(name), ...ports);
    const seen: number[] = [];
    for (const port of ports) {
      inside.send(port, lab.rendezvous.address, FIRST, `${name} ${port}`);
      seen.push((await rv.receive(`${name} ${port}`)).fromPort);
    }
    return seen;
  }

  it('stepping: each mapping is a step above the one before', async () => {
    const [first = 0, ...more] = await outsidePorts('step', 8);
    assert.deepEqual(
      more,
      more.map((_, index) => first + STEP * (index + 1)),
    );
  });

  it('cgnat-block: each subscriber has random ports of a block of its own', async () => {
    const blocks = await Promise.all(
      (['block', 'block2'] as const).map(async (name) => {
        const ports = await outsidePorts(name, 24);
        const [low, high] = [Math.min(...ports), Math.max(...ports)];
        assert.equal(Math.floor(low / BLOCK_SIZE), Math.floor(high / BLOCK_SIZE), `${ports}`);
        // Of 512 ports, 24 random ones are not all within 64.
        assert.ok(high - low > 64 && new Set(ports).size > 20, `${ports}`);
        return Math.floor(low / BLOCK_SIZE);
      }),
    );
    assert.notEqual(blocks[0], blocks[1]);
  });

  it('same carrier NAT: two homes share its address, and no packet turns around there', async () => {
    const [a, b] = [lab.host('block'), lab.host('block2')];
    assert.deepEqual(a.outsideAddresses, b.outsideAddresses);
    assert.notEqual(a.gateways[0], b.gateways[0]);
    await using first = await UdpProbe.open(a, 4500);
    await using second = await UdpProbe.open(b, 4500);
    first.send(4500, lab.rendezvous.address, FIRST, 'block here');
    second.send(4500, lab.rendezvous.address, FIRST, 'block2 here');
    const [seen, seen2] = [await rv.receive('block here'), await rv.receive('block2 here')];
    // Each towards the other's mapping, several times, and then the server's answer.
    for (let i = 0; i < 3; i++) {
      first.send(4500, seen2.from, seen2.fromPort, 'hairpin');
      second.send(4500, seen.from, seen.fromPort, 'hairpin');
    }
    rv.send(FIRST, seen.from, seen.fromPort, 'answer');
    rv.send(FIRST, seen2.from, seen2.fromPort, 'answer 2');
    await Promise.all([first.receive('answer'), second.receive('answer 2')]);
    const texts = [...first.received, ...second.received].map(({ text }) => text);
    assert.deepEqual(texts.sort(), ['answer', 'answer 2']);
  });

  it('home networks: two homes have the same private addresses, and both reach the internet', async () => {
    const [one, two] = [lab.host('home1'), lab.host('home2')];
    assert.equal(one.address, '192.168.1.2');
    assert.equal(two.address, one.address);
    await using first = await UdpProbe.open(one, INSIDE_PORT);
    await using second = await UdpProbe.open(two, INSIDE_PORT);
    first.send(INSIDE_PORT, lab.rendezvous.address, FIRST, 'home 1');
    second.send(INSIDE_PORT, lab.rendezvous.address, FIRST, 'home 2');
    assert.notEqual((await rv.receive('home 1')).from, (await rv.receive('home 2')).from);
  });

  it('port-mapping: a port mapped by NAT-PMP is open to everyone, in both directions', async () => {
    const host = lab.host('mapper');
    // In ASCII, as the numbers below: the agent sends texts.
    const port = 4100;
    const [outside] = host.outsideAddresses as [string];
    const gateway = host.address.replace(/\d+$/, '1');
    await using inside = await UdpProbe.open(host, port, port + 1);
    // RFC 6886, 3.3: version 0, map UDP, the inside port, the same outside, for an hour.
    const request = Buffer.alloc(12);
    request[1] = 1;
    request.writeUInt16BE(port, 4);
    request.writeUInt16BE(port, 6);
    request.writeUInt32BE(3600, 8);
    inside.send(port + 1, gateway, 5351, request.toString('latin1'));
    await until('the answer of NAT-PMP', () => inside.received.length === 1);
    other.send(FIRST, outside, port, 'unasked');
    await inside.receive('unasked');
    inside.send(port, lab.host('other').address, FIRST, 'mapped');
    assert.equal((await other.receive('mapped')).fromPort, port);
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

describe('a routed internet', () => {
  it('has a TTL that ends on the way, beyond the own gateway, without spoiling the other one', async () => {
    const poisoning = { nat: 'poisoning', wireguard: false } as const;
    await using lab = await createLab({ hosts: { a: poisoning, b: poisoning }, hops: 2 });
    const [a, b] = [lab.host('a'), lab.host('b')];
    const [outsideA, outsideB] = [a.outsideAddresses[0], b.outsideAddresses[0]] as [string, string];
    await using first = await UdpProbe.open(a, INSIDE_PORT);
    await using second = await UdpProbe.open(b, INSIDE_PORT);
    const atCore = await lab.internet.count({ protocol: 'udp' });
    const atGateway = await b.gateways[0]?.cable.count({ direction: 'inbound', protocol: 'udp' });

    // a-gw, a-r1, a-r2, then the core: with a TTL of 3 it ends at a-r2.
    first.sendWithTtl(3, INSIDE_PORT, outsideB, INSIDE_PORT, 'short');
    await until(
      'its mapping',
      async () => (await lab.mappedEndpoint('a', 'b', INSIDE_PORT)) !== undefined,
    );
    second.send(INSIDE_PORT, outsideA, INSIDE_PORT, 'full');
    assert.equal((await first.receive('full')).fromPort, INSIDE_PORT);
    assert.deepEqual(await lab.mappedEndpoint('b', 'a', INSIDE_PORT), await mapped(lab, 'b'));
    first.send(INSIDE_PORT, outsideB, INSIDE_PORT, 'back');
    await second.receive('back');
    assert.equal(await atCore.packets(), 2);
    assert.equal(await atGateway?.packets(), 1);

    // Five routers on the whole way besides the other gateway: b-gw drops the TTL to 0, b gets nothing.
    first.sendWithTtl(5, INSIDE_PORT, outsideB, INSIDE_PORT + 1, 'to b-r1');
    first.sendWithTtl(6, INSIDE_PORT, outsideB, INSIDE_PORT + 1, 'to b-gw');
    await until('one of them at b-gw', async () => (await atGateway?.packets()) === 2);
  });
});

async function mapped(lab: Lab<'a' | 'b'>, name: 'a' | 'b') {
  return { address: lab.host(name).outsideAddresses[0], port: INSIDE_PORT, family: 4 };
}
