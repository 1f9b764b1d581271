import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { followServer } from '../../../src/client/sealed/server-channels.js';
import { ServerLocator } from '../../../src/client/server-locator.js';
import { type Endpoint, type Family, parseEndpoint } from '../../../src/wire/endpoint.js';
import { MESSAGE } from '../../../src/wire/sealed.js';
import type { Device } from '../../../src/wireguard/device.js';
import { SealedRendezvous } from '../../server/sealed/sealed-rendezvous.js';
import { type Fate, type Node, World } from './world.js';

const LOOK_MS = 100;
const DEVICE: Device = { publicKey: undefined, listenPort: 51820, fwmark: 0, peers: [] };
const ADDRESSES: Record<Family, readonly string[]> = {
  4: ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  6: ['2001:db8::1', '2001:db8::2', '2001:db8::3'],
};

/** A client whose server has these addresses, and another client that wants it. */
async function setUp() {
  const world = new World();
  const locator = new ServerLocator({ host: 'rv.example.org', port: 49918 }, () => {}, {
    lookUp: async () => [...ADDRESSES[4], ...ADDRESSES[6]],
  });
  locator.poll(0);
  await turn();
  const [a, b] = [world.node(), world.node()];
  a.families = [4, 6];
  a.want(b);
  b.want(a);
  const run = (ms: number) => {
    for (const end = world.now + ms; world.now < end; world.run(LOOK_MS)) {
      followServer(a.client, locator, channelsOf(a), DEVICE, world.now);
    }
  };
  return { world, a, b, run };
}

/** In place of a client's raw sockets: notes the addresses that it would send to. */
function channelsOf({ families, serverAt }: Node) {
  return {
    open: [...families],
    use(endpointOf: (family: Family) => Endpoint | undefined): Family[] {
      return families.filter((family) => {
        const [before, at] = [serverAt.get(family), `server ${endpointOf(family)?.address}`];
        serverAt.set(family, at);
        return at !== before;
      });
    },
  };
}

function without(...addresses: readonly (string | undefined)[]): Fate {
  return ({ to }) => (addresses.some((address) => to === `server ${address}`) ? [] : [10]);
}

function inUse({ serverAt }: Node, family: Family): string | undefined {
  return serverAt.get(family)?.split(' ')[1];
}

function initiationsSince({ sent }: Node, start: number): number {
  return sent.filter(({ at, payload }) => at > start && payload[3] === MESSAGE.initiation).length;
}

for (const [dead, other] of [
  [4, 6],
  [6, 4],
] as const) {
  const [first, second] = ADDRESSES[dead];

  describe(`where the server's first IPv${dead} address is dead, and IPv${other} works`, () => {
    it('the client is registered over the next address within 10 s, and stays there', async () => {
      const { world, a, b, run } = await setUp();
      world.fate = without(first);
      run(10_000);
      assert.equal(b.finds(a, dead), a.places[dead]);
      assert.equal(b.finds(a, other), a.places[other]);
      run(300_000);
      assert.deepEqual([inUse(a, dead), inUse(a, other)], [second, ADDRESSES[other][0]]);
    });

    it('the client leaves the next address as well when that dies later', async () => {
      const { world, a, run } = await setUp();
      world.fate = without(first);
      run(60_000);
      world.fate = without(first, second);
      run(60_000);
      assert.equal(inUse(a, dead), ADDRESSES[dead][2]);
    });

    it('the client tries dead addresses in turn, one every 25 s, and keeps its session', async () => {
      const { world, a, run } = await setUp();
      const sent: { at: number; to: string }[] = [];
      const fate = without(...ADDRESSES[dead]);
      world.fate = (datagram) => {
        const reached = fate(datagram);
        if (reached.length === 0) {
          sent.push({ at: world.now, to: datagram.to });
        }
        return reached;
      };
      run(10_000);
      const start = world.now;
      run(300_000);
      const visits = sent.filter(({ to }, i) => to !== sent[i - 1]?.to).slice(1);
      assert.ok(visits.length >= 300 / 35, `${visits.length} addresses in 300 s`);
      assert.equal(new Set(visits.map(({ to }) => to)).size, 3);
      visits.slice(1).forEach(({ at }, i) => {
        assert.ok(at - (visits[i]?.at ?? 0) >= 25_000);
      });
      assert.ok(sent.length <= 4 * (visits.length + 1) + 2, `${sent.length} datagrams`);
      assert.equal(initiationsSince(a, start), 0);
    });
  });
}

it('a client leaves an address of another server with the same key', async () => {
  const { world, a, b, run } = await setUp();
  const stranger = new SealedRendezvous({ key: world.server.key });
  world.fate = ({ from, to, payload }) => {
    if (to !== `server ${ADDRESSES[4][0]}`) {
      return [10];
    }
    stranger.now = world.now;
    const { address, port } = parseEndpoint(from);
    const reply = stranger.ask(address, port, payload.slice());
    if (reply !== undefined) {
      world.send({ from: to, to: from, payload: reply.slice() });
    }
    return [];
  };
  run(10_000);
  assert.equal(b.finds(a, 4), a.places[4]);
  const start = world.now;
  run(60_000);
  assert.equal(initiationsSince(a, start), 0);
});

it('a client keeps its addresses where the server is silent over both families', async () => {
  const { world, a, run } = await setUp();
  run(10_000);
  // This goes out over one family, so that the other is pinged first.
  a.want();
  run(5000);
  world.fate = () => [];
  run(120_000);
  assert.deepEqual([inUse(a, 4), inUse(a, 6)], [ADDRESSES[4][0], ADDRESSES[6][0]]);
});
