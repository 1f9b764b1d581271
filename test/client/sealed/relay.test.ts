import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatEndpoint } from '../../../src/wire/endpoint.js';
import { RELAY_REFUSAL } from '../../../src/wire/sealed-frames.js';
import { FIRST_PORT, wireguard } from '../../server/relay/relay-world.js';
import { type Node, World } from './world.js';

const RELAY = `192.0.2.1:${FIRST_PORT}`;

/** Two clients that have each other's endpoints. */
function pair(world = new World({}, true)) {
  const a = world.node();
  const b = world.node();
  a.want(b);
  b.want(a);
  world.runUntil(() => a.finds(b) !== undefined && b.finds(a) !== undefined);
  return { world, a, b };
}

function askBoth(a: Node, b: Node): void {
  assert.equal(a.client.askRelay(b.key, b.publicKey), undefined);
  assert.equal(b.client.askRelay(a.key, a.publicKey), undefined);
}

function isConnected(a: Node, b: Node): boolean {
  return a.client.relay(b.key).state === 'connected' && b.client.relay(a.key).state === 'connected';
}

/** Sends a datagram of WireGuard's to the peer by the relay; whether it arrives. */
function passes(world: World, from: Node, to: Node): boolean {
  const endpoint = from.client.relay(to.key).endpoint;
  const before = to.relayed.length;
  if (endpoint !== undefined) {
    from.toRelay(endpoint.port, wireguard(4, 1452, before));
    world.run(50);
  }
  return to.relayed.length > before;
}

test('both ask and are connected within four round trips, with the relay port as endpoint', () => {
  const { world, a, b } = pair();
  askBoth(a, b);
  const took = world.runUntil(() => isConnected(a, b));
  assert.ok(took <= 4 * 20 + 20, `${took} ms`);
  assert.equal(formatEndpoint(a.client.relay(b.key).endpoint!), RELAY);
  assert.ok(passes(world, a, b) && passes(world, b, a));
});

test('one request connects the pair: the other side is notified and binds', () => {
  const { world, a, b } = pair();
  assert.equal(a.client.askRelay(b.key, b.publicKey), undefined);
  world.runUntil(() => isConnected(a, b), 1000);
  assert.ok(passes(world, a, b) && passes(world, b, a));
});

test('a NAT with another mapping towards the relay port, and one that changes it', () => {
  const { world, a, b } = pair();
  a.relayPlace = '198.51.100.1:1024';
  askBoth(a, b);
  world.runUntil(() => isConnected(a, b), 1000);
  a.relayPlace = '198.51.100.1:1025';
  assert.ok(!passes(world, b, a), 'until the next bind');
  const took = world.runUntil(() => passes(world, b, a), 30_000);
  assert.ok(took <= 21_000, `${took} ms`);
  a.relayPlace = '198.51.100.1:1026';
  a.client.refresh();
  assert.ok(world.runUntil(() => passes(world, b, a)) <= 500, 'at once where the host notices');
});

test('an idle pair stays bound for as long as it is asked for', () => {
  const { world, a, b } = pair();
  askBoth(a, b);
  world.runUntil(() => isConnected(a, b), 1000);
  for (let i = 0; i < 20; i++) {
    world.run(60_000);
    assert.ok(isConnected(a, b));
  }
  assert.equal(world.relay!.relay.counts.expired, 0);
  assert.ok(passes(world, a, b), 'also over the rekeyings of the sessions');
});

test('a peer that is reached directly is dropped, and the server forgets the pair', () => {
  const { world, a, b } = pair();
  askBoth(a, b);
  world.runUntil(() => isConnected(a, b), 1000);
  a.client.dropRelay(b.key);
  assert.equal(a.client.relay(b.key).endpoint, undefined);
  b.client.dropRelay(a.key);
  world.run(70_000);
  assert.equal(world.relay!.relay.sizes.pairs, 0);
  askBoth(a, b);
  world.runUntil(() => isConnected(a, b), 1000);
});

test('a peer that is no more wanted is dropped with its relay', () => {
  const { world, a, b } = pair();
  askBoth(a, b);
  world.runUntil(() => isConnected(a, b), 1000);
  a.want();
  world.run(1000);
  assert.equal(a.client.relay(b.key).state, 'none');
  assert.ok(!a.client.relay(b.key).isAsked);
  assert.equal(world.relay!.relay.sizes.pairs, 0);
});

test('a server that does not relay is known by its response', () => {
  const { a, b } = pair(new World());
  assert.equal(a.client.askRelay(b.key, b.publicKey), 'no-relay');
});

test('a refusal says why, and is asked about again after a minute', () => {
  const { world, a, b } = pair(new World({}, true));
  const { allocations } = world.relay!.relay;
  const open = allocations.open;
  allocations.open = () => undefined;
  askBoth(a, b);
  world.run(1000);
  assert.equal(a.client.relay(b.key).refusal, RELAY_REFUSAL.full);
  assert.equal(a.client.relay(b.key).state, 'none');
  allocations.open = open;
  const took = world.runUntil(() => isConnected(a, b), 70_000);
  assert.ok(took > 55_000 && took < 62_000, `${took} ms`);
  assert.equal(a.client.relay(b.key).refusal, undefined);
});

for (const only of [false, true]) {
  for (const downMs of [0, 300, 5000, 8000, 60_000]) {
    test(`a server that is away for ${downMs} ms has the pair back within 3 s of its return${only ? ' (sealed only)' : ''}`, () => {
      const { world, a, b } = pair(new World({ only }, true));
      askBoth(a, b);
      world.runUntil(() => isConnected(a, b), 1000);
      // The next bind is far away: what notices the restart is the session.
      world.run(22_000);
      world.isServerDown = true;
      world.run(downMs);
      world.restartServer();
      world.isServerDown = false;
      assert.equal(world.relay!.relay.sizes.pairs, 0);
      const took = world.runUntil(() => passes(world, a, b) && passes(world, b, a), 10_000);
      assert.ok(took <= 3000, `${took} ms`);
    });
  }
}

test('forged, foreign and repeated answers change nothing', () => {
  const { world, a, b } = pair();
  askBoth(a, b);
  const seen: Uint8Array[] = [];
  const { fate } = world;
  world.fate = (datagram) => {
    if (datagram.from.startsWith('relay:')) {
      seen.push(datagram.payload.slice());
    }
    return fate(datagram);
  };
  world.runUntil(() => isConnected(a, b), 1000);
  const sent = a.sent.length;
  // The oldest last: it says least.
  for (const payload of seen.reverse()) {
    a.hearRelay(FIRST_PORT, payload);
    assert.ok(isConnected(a, b));
    a.hearRelay(FIRST_PORT + 1, payload);
    for (let at = 0; at < payload.length; at++) {
      const changed = payload.slice();
      changed[at]! ^= 1;
      a.hearRelay(FIRST_PORT, changed);
      a.hearRelay(FIRST_PORT, changed.subarray(at));
    }
  }
  assert.ok(seen.length >= 4);
  assert.ok(isConnected(a, b));
  assert.equal(a.sent.length, sent);
});
