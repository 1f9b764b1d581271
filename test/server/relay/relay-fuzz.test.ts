import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BIND_LENGTH, isWireguard } from '../../../src/wire/relay.js';
import { keptBytes } from '../../kept-bytes.js';
import { xorshift } from '../../xorshift.js';
import { connectedPair, RelayWorld, wireguard } from './relay-world.js';

const DATAGRAMS = 1_000_000;
const BATCH = 128;

test('a million random and mutated datagrams: none is forwarded, none throws, memory stays flat', async (t) => {
  const world = new RelayWorld({ ports: 2 });
  const { a, b, offerOfA } = connectedPair(world);
  const random = xorshift(0x2545f491);
  const pick = <T>(values: readonly T[]): T => values[random() % values.length]!;
  const templates = [
    wireguard(1, 148),
    wireguard(2, 92),
    wireguard(3, 64),
    wireguard(4, 32),
    wireguard(4, 1456),
  ];
  const bind = () => a.makeBind(offerOfA, undefined, 1 + (random() % 100_000));
  const strangers = ['192.0.2.1:7', '198.51.100.7:1', '203.0.113.8:51821', '0.0.0.0:0'];
  const make = (): { from: string; payload: Uint8Array } => {
    switch (random() % 4) {
      case 0: // of WireGuard's form, from a source that is not bound
        return { from: pick(strangers), payload: pick(templates).slice() };
      case 1: {
        // of no form, from a bound source
        const payload = Uint8Array.from({ length: random() % 200 }, () => random());
        if (isWireguard(payload, 0, payload.length)) {
          payload[0] = 0;
        }
        return { from: pick([a.endpoint, b.endpoint]), payload };
      }
      case 2: {
        // WireGuard's, with one change of head or length, from a bound source
        const template = pick(templates);
        const payload = template.slice(0, template.length - (random() % 2) * (1 + (random() % 15)));
        payload[random() % 4]! ^= 1 << (random() % 8);
        if (isWireguard(payload, 0, payload.length)) {
          payload[3] = 1;
        }
        return { from: a.endpoint, payload };
      }
      default: {
        const payload = bind();
        payload[random() % payload.length]! ^= 1 << (random() % 8);
        return { from: pick([...strangers, a.endpoint]), payload };
      }
    }
  };
  const pool = Array.from({ length: 64 * BATCH }, make);
  const run = (datagrams: number): void => {
    for (let done = 0; done < datagrams; done += BATCH) {
      const from = random() % (pool.length - BATCH);
      const batch = pool.slice(from, from + BATCH).map(({ from, payload }) => {
        // Each is changed a little more, where that cannot make it WireGuard's or mend a bind.
        const changed = payload.slice();
        if (changed.length > 4 && changed.length !== BIND_LENGTH) {
          changed[4 + (random() % (changed.length - 4))]! ^= random();
        }
        return { from, payload: changed };
      });
      assert.deepEqual(world.deliver(offerOfA.port, batch), []);
      world.server.now += 1;
    }
  };
  run(100_000);
  const before = await keptBytes();
  run(DATAGRAMS - 100_000);
  const grown = (await keptBytes()) - before;
  t.diagnostic(`memory grew by ${grown} bytes`);
  assert.ok(grown < 512 * 1024, `${grown} bytes`);
  assert.equal(world.relay.counts.forwarded, 0);
  assert.deepEqual(world.relay.sizes, { pairs: 1, bindings: 2 });
  const { foreign, unbound, bindsForged } = world.relay.counts;
  assert.ok(foreign > 100_000 && unbound > 100_000 && bindsForged > 100_000);
  // And the pair is still served.
  assert.equal(world.send(offerOfA.port, a.endpoint, wireguard(4, 32)).length, 1);
});
