import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLab, type LabHost, LabProcess, until } from '../../src/lab/index.js';
import { UdpProbe } from './udp-probe.js';

const PORT = 4000;
const PACKETS = 2_000;
const LAB_CHILD = fileURLToPath(new URL('./lab-child.js', import.meta.url));
const HOSTS = { a: { nat: 'cone', wireguard: false }, n: { wireguard: false } } as const;
/** Tolerance for a busy machine; lower bounds are exact. */
const SLACK_MS = 15;

/** The shortest of ten round trips, in ms. */
async function roundTrip(from: LabHost, address: string): Promise<number> {
  const text = await from.exec('ping', ['-n', '-q', '-c', '10', '-i', '0.02', address]);
  return Number(/= ([\d.]+)\//.exec(text)?.[1]);
}

describe('the distance of a lab', () => {
  it('is the round trip between hosts and to rv, over IPv4 and IPv6', async () => {
    const measure = async (roundTripMs: number): Promise<number[]> => {
      await using lab = await createLab({ hosts: HOSTS, distance: { roundTripMs } });
      const [a, n, rv] = [lab.host('a'), lab.host('n'), lab.rendezvous];
      return [
        await roundTrip(a, rv.address),
        await roundTrip(a, n.address),
        await roundTrip(n, rv.address),
        await roundTrip(n, rv.addresses[6][0] as string),
      ];
    };
    const reference = await measure(0);
    assert.ok(Math.max(...reference) < SLACK_MS, `without distance: ${reference} ms`);
    for (const expected of [50, 200]) {
      for (const [path, milliseconds] of (await measure(expected)).entries()) {
        const most = expected + (reference[path] as number) + SLACK_MS;
        assert.ok(
          milliseconds >= expected && milliseconds <= most,
          `path ${path}: ${milliseconds} ms, expected ${expected}..${most} ms`,
        );
      }
    }
  });

  it('is a property of each site, whose uplink adds half of it', async () => {
    await using lab = await createLab({
      hosts: { ...HOSTS, near: { wireguard: false, distance: {} } },
      distance: { roundTripMs: 100 },
      rendezvousDistance: { roundTripMs: 20 },
    });
    for (const [address, expected] of [
      [lab.host('near').address, 50],
      [lab.rendezvous.address, 60],
    ] as const) {
      const milliseconds = await roundTrip(lab.host('n'), address);
      assert.ok(milliseconds >= expected && milliseconds <= expected + SLACK_MS, `${milliseconds}`);
    }
  });

  it('loses the given share of packets on one way, and no neighbour discovery', async () => {
    const share = 0.3;
    const distance = { roundTripMs: 10, loss: share };
    await using lab = await createLab({ hosts: HOSTS, distance });
    const [n, rv] = [lab.host('n'), lab.rendezvous];
    const receiver = await UdpProbe.open(rv, PORT);
    const sender = await UdpProbe.open(n, PORT);
    const numbers = Array.from({ length: PACKETS }, (_, index) => `${index}`);
    sender.send(PORT, rv.address, PORT, ...numbers);
    // Lines are FIFO: when a later packet has arrived, none of the others is still in flight.
    await until('a packet behind all others', () => {
      sender.send(PORT, rv.address, PORT, 'end');
      return receiver.received.some(({ text }) => text === 'end');
    });
    const arrived = receiver.received.filter(({ text }) => text !== 'end').length;
    // Five standard deviations of a binomial distribution of 2000 and 0.3 are 0.051.
    assert.ok(Math.abs(1 - arrived / PACKETS - share) < 0.052, `${arrived} of ${PACKETS}`);

    await using cut = await createLab({ hosts: HOSTS, distance: { roundTripMs: 10, loss: 1 } });
    const { address } = cut.rendezvous;
    assert.equal(await cut.host('n').ping(address), false);
    const neighbours = await cut.host('n').exec('ip', ['neigh', 'show', address]);
    assert.match(neighbours, /lladdr/);
  });

  for (const reorder of [false, true]) {
    it(`with jitter ${reorder ? 'reorders packets if asked to' : 'keeps their order'}`, async () => {
      const distance = { roundTripMs: 80, jitterMs: 80, reorder };
      await using lab = await createLab({ hosts: HOSTS, distance });
      const rv = lab.rendezvous;
      const receiver = await UdpProbe.open(rv, PORT);
      const sender = await UdpProbe.open(lab.host('n'), PORT);
      const numbers = Array.from({ length: 200 }, (_, index) => `${index}`);
      sender.send(PORT, rv.address, PORT, ...numbers);
      await until('all packets', () => receiver.received.length === numbers.length);
      const order = receiver.received.map(({ text }) => Number(text));
      const swapped = order.filter((one, index) => one < (order[index - 1] ?? 0)).length;
      // The kernel swaps a few by itself when a process moves to another processor.
      const isSome = swapped > numbers.length / 10;
      assert.equal(isSome, reorder, `${swapped} of ${numbers.length} came after a later one`);
    });
  }

  it('carries a bulk TCP transfer without damage', async () => {
    const bytes = 3_000_000;
    await using lab = await createLab({ hosts: HOSTS, distance: { roundTripMs: 20 } });
    const { address } = lab.rendezvous;
    const server = lab.rendezvous.spawn(process.execPath, [
      '-e',
      `require('net').createServer((socket) => socket.end(Buffer.alloc(${bytes}, 'x')))
        .listen(${PORT}, () => console.log('up'))`,
    ]);
    await server.waitForOutput(/up/);
    const client = lab.host('a').spawn(process.execPath, [
      '-e',
      `let count = 0; require('net').connect(${PORT}, '${address}')
        .on('data', (data) => { count += data.length }).on('end', () => console.log(count + ' bytes'))`,
    ]);
    const [, count] = await client.waitForOutput(/(\d+) bytes/);
    assert.equal(Number(count), bytes);
  });

  it('applies to a WireGuard tunnel', async () => {
    await using lab = await createLab({ hosts: { a: {}, b: {} }, distance: { roundTripMs: 60 } });
    const [a, b] = [lab.host('a'), lab.host('b')];
    await a.wireguard.setPeer({
      publicKey: b.wireguard.publicKey,
      allowedIps: [`${b.wireguard.tunnelAddress}/32`],
      endpoint: `${b.address}:${b.wireguard.listenPort}`,
    });
    assert.ok(await lab.ping('a', 'b', { timeoutMs: 10_000 }));
    assert.ok((await roundTrip(a, b.wireguard.tunnelAddress)) >= 60);
  });

  it('ends with the process of the lab, also after SIGKILL', async () => {
    await using child = new LabProcess(process.execPath, [LAB_CHILD, 'distance']);
    const [, pids] = await child.waitForOutput(/ready (.*)\n/, { timeoutMs: 30_000 });
    const forwarders = (pids as string)
      .split(' ')
      .filter((pid) => existsSync(`/proc/${pid}/exe`))
      .map(Number);
    assert.equal(forwarders.length, 1);
    await child.stop('SIGKILL');
    await until('the delay lines to end', () => !existsSync(`/proc/${forwarders[0]}/exe`));
    // The next lab removes the namespaces.
    await (await createLab({ hosts: {} })).dispose();
  });
});

describe('a capture of the internet', () => {
  it('records time, endpoints, type and length of each UDP packet once', async () => {
    await using lab = await createLab({ hosts: HOSTS, distance: { roundTripMs: 40 } });
    const rv = lab.rendezvous;
    const probe = await UdpProbe.open(rv, PORT);
    const sender = await UdpProbe.open(lab.host('a'), PORT);
    await using capture = await lab.capture();
    await using digits = await lab.capture(['1', '2'].map((text) => text.charCodeAt(0)));
    const started = performance.now();
    sender.send(PORT, rv.address, PORT, '1st packet', '2nd', 'another');
    await probe.receive('another');
    const received = performance.now();
    const packets = await capture.packets();
    assert.deepEqual(
      packets.map(({ timeMs, ...packet }) => packet),
      ['1st packet', '2nd', 'another'].map((text) => ({
        source: { family: 4, address: '198.51.100.10', port: PORT },
        destination: { family: 4, address: rv.address, port: PORT },
        type: text.charCodeAt(0),
        length: text.length,
      })),
    );
    for (const { timeMs } of packets) {
      // It crosses the internet a quarter of the round trip after it was sent and before it arrives.
      assert.ok(timeMs >= started + 10 - 1 && timeMs <= received - 10 + 1, `${timeMs - started}`);
    }
    assert.deepEqual(
      (await digits.packets()).map(({ length }) => length),
      [10, 3],
    );
    sender.send(PORT, rv.address, PORT, 'one more');
    await probe.receive('one more');
    assert.equal((await capture.packets()).length, 4);
  });
});
