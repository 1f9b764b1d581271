import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, INITIATION_TYPE, until } from '../../src/lab/index.js';
import { connected } from './our-programs.js';
import { SealedServer } from './sealed-programs.js';

/** What a packet takes from one gateway to the other is far above what a busy machine keeps a client waiting. */
const distance = { roundTripMs: 300 };
const PORT = 51820;
const PAIR = [
  ['a', 'b'],
  ['b', 'a'],
] as const;

describe('openers, between poisoning gateways on a routed internet', () => {
  it('end on the way, and both mappings keep the port that the server sees', async () => {
    const hosts = { a: { nat: 'poisoning' }, b: { nat: 'poisoning' } } as const;
    await using lab = await createLab({ hosts, hops: 2, distance });
    await using server = await SealedServer.start(lab);
    const counters = await Promise.all(
      PAIR.map(async ([from, to]) => {
        const outside = (name: 'a' | 'b') => lab.host(name).outsideAddresses[0] as string;
        const [source, destination] = [outside(from), outside(to)];
        const between = { protocol: 'udp', source, destination } as const;
        return {
          left: await lab
            .host(from)
            .gateways[0]?.cable.count({ ...between, direction: 'outbound' }),
          came: await lab.host(to).gateways[0]?.cable.count({ ...between, direction: 'inbound' }),
        };
      }),
    );
    const handshakes = await lab.capture([INITIATION_TYPE]);
    const clients = PAIR.map(([name]) => server.client(lab.host(name)));
    await connected(lab, ['a', 'b']);
    for (const client of clients) {
      await client.stop();
    }
    for (const { left, came } of counters) {
      const lost = async () => ((await left?.packets()) ?? 0) - ((await came?.packets()) ?? 0);
      await until(
        'what is under way to arrive, but for the opener',
        async () => (await lost()) <= 1,
      );
      assert.equal(await lost(), 1);
    }
    for (const [from, to] of PAIR) {
      assert.equal((await lab.mappedEndpoint(from, to))?.port, PORT);
    }
    assert.equal((await handshakes.packets()).length, 1);
  });

  it('are left out on a flat network, where they would arrive', async () => {
    const hosts = { a: { nat: 'cone' }, b: { nat: 'cone' } } as const;
    await using lab = await createLab({ hosts, distance: { roundTripMs: 50 } });
    await using server = await SealedServer.start(lab);
    const trace = ['--log-level', 'trace'];
    const clients = PAIR.map(([name]) => server.client(lab.host(name), ...trace));
    await connected(lab, ['a', 'b']);
    for (const client of clients) {
      assert.match(client.stderr, /sent probe/);
      assert.doesNotMatch(client.stderr, /TTL/);
    }
  });
});
