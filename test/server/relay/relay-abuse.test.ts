import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AllowList } from '../../../src/server/sealed/allow-list.js';
import { BINDING } from '../../../src/wire/relay.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { connectedPair, RelayWorld, wireguard } from './relay-world.js';

const DATA = wireguard(4, 1456, 7);

test('a pair that gives up its port and asks again, over and over, stays within its rate', () => {
  const world = new RelayWorld({ rate: 1_000_000 });
  const { a, b, offerOfA } = connectedPair(world);
  const sendAll = (port: number) => {
    let bytes = 0;
    while (world.send(port, a.endpoint, DATA.slice()).length > 0) {
      bytes += DATA.length;
    }
    return bytes;
  };
  world.server.wait(2000);
  assert.ok(sendAll(offerOfA.port) > 120_000, 'the burst');
  let bytes = 0;
  for (let i = 0; i < 50; i++) {
    world.server.now += 20;
    a.want();
    a.want(b.publicKey);
    const offer = a.askRelay(b.publicKey)[0]!.relay!;
    a.bind(offer);
    assert.equal(b.bind(b.askRelay(a.publicKey)[0]!.relay!), BINDING.connected);
    bytes += sendAll(offer.port);
  }
  assert.equal(world.relay.counts.allocated, 51);
  assert.ok(bytes <= 125_000, `${bytes} bytes in 1 s at 1 Mbit/s`);
  // Without tricks it has its rate again.
  const offer = a.askRelay(b.publicKey)[0]!.relay!;
  world.server.wait(2000);
  assert.ok(sendAll(offer.port) > 120_000);
});

test('a client can have the server challenge only so many addresses of its choosing', () => {
  const { world, a, b, offerOfA, offerOfB } = connectedPair();
  const challenged = () =>
    Array.from({ length: 100 }, (_, i) => `192.0.2.${i}:9`).flatMap((victim) =>
      world.send(offerOfA.port, victim, a.makeBind(offerOfA)),
    ).length;
  world.server.now += 10_000;
  assert.equal(challenged(), 20);
  world.server.now += 1000;
  assert.equal(challenged(), 10);
  assert.equal(world.relay.counts.bindsExcessive, 170);
  assert.equal(b.bind(offerOfB), BINDING.connected, 'its peer is not affected');
  assert.equal(world.send(offerOfA.port, b.endpoint, DATA.slice()).length, 1);
  world.server.now += 1000;
  assert.equal(a.bind(offerOfA), BINDING.connected);
});

test('what a stranger sends in the name of a side does not use up its binds', () => {
  const { world, a, offerOfA, offerOfB } = connectedPair();
  const forged = a.makeBind({ ...offerOfA, key: offerOfB.key }, undefined, 50);
  const repeated = a.makeBind(offerOfA, undefined, 51);
  for (let i = 0; i < 100; i++) {
    world.send(offerOfA.port, a.endpoint, forged.slice());
    world.send(offerOfA.port, a.endpoint, repeated.slice());
  }
  assert.equal(world.relay.counts.bindsForged, 100);
  assert.equal(world.relay.counts.bindsRepeated, 99);
  assert.equal(a.bind(offerOfA), BINDING.connected);
});

for (const method of ['allowRelay', 'allowOnly'] as const) {
  test(`a key that is taken off the list is relayed no more, also after its goodbye: ${method}`, () => {
    const { world, a, b, offerOfA } = connectedPair();
    const other = connectedPair(world, ['198.51.100.70', '203.0.113.80']);
    for (const client of [a, b]) {
      client.ask(client.plain(FRAME.bye));
    }
    const passes = () => world.send(offerOfA.port, a.endpoint, DATA.slice()).length === 1;
    const keys = [other.a, other.b, a].map(({ publicKey }) => publicKey);
    world.server.handler[method](new AllowList([...keys, b.publicKey]));
    assert.ok(passes(), 'its tunnel outlives its registration');
    world.server.handler[method](new AllowList(keys));
    assert.ok(!passes());
    assert.deepEqual(world.relay.sizes, { pairs: 1, bindings: 2 });
    assert.equal(world.send(other.offerOfA.port, other.a.endpoint, DATA.slice()).length, 1);
  });
}
