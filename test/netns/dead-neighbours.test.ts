import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadArguments } from '../../bench/server/load.js';
import { buildTools } from '../../bench/server/tools.js';
import { createLab, type LabHost, until } from '../../src/lab/index.js';
import type { ServiceCounts } from '../../src/server/counts.js';
import { endpoint } from '../../src/wire/endpoint.js';
import { startServer } from './our-programs.js';
import { UdpProbe } from './udp-probe.js';

const PORT = 49918;
const PEER_PORT = 51820;
const DEAD = 40;
const FIRST_DEAD = '198.51.100.100';

/** Each address gets so many a second that its queue in the kernel (256 replies) is full within 3 s. */
const RATE = DEAD * 200;

/** When so many were answered, the queues of all dead neighbours are full: 40 * 256 replies. */
const ENOUGH = 12_000;

/** A request in readable keys: who asks, and for whom. */
function request(mine: string, theirs: string): string {
  return mine.repeat(32) + theirs.repeat(32);
}

/** Has a host send from unused addresses of its link, as a spoofer does. */
async function ownDeadAddresses(host: LabHost): Promise<void> {
  const settings = { 'net.ipv4.conf.all.arp_ignore': 1, 'net.ipv4.conf.all.arp_announce': 2 };
  await host.sysctl(settings);
  const first = Number(FIRST_DEAD.split('.')[3]);
  await host.ip(
    Array.from({ length: DEAD }, (_, i) => `address add 198.51.100.${first + i}/32 dev lo`),
  );
}

describe('spoofed requests from unused addresses of the local network', () => {
  it('their replies wait for neighbours that do not exist, and everyone else is answered', async () => {
    await using tools = await buildTools();
    await using lab = await createLab({
      hosts: { live: { wireguard: false }, spoofer: { wireguard: false } },
    });
    const { rendezvous } = lab;
    const server = await startServer(rendezvous, '--log-format', 'json');
    const counts = async (): Promise<ServiceCounts> => {
      const before = server.stdout.length;
      server.kill('SIGUSR1');
      await until('the counts', () => server.stdout.slice(before).includes('\n'));
      const line = server.stdout.slice(before).split('\n')[0] as string;
      return (JSON.parse(line) as { counts: ServiceCounts }).counts;
    };
    await using peer = await UdpProbe.open(lab.host('live'), PEER_PORT);
    let asked = 0;
    const ask = async (): Promise<void> => {
      peer.send(PEER_PORT, rendezvous.address, PORT, request('a', 'a'));
      asked++;
      await until(`answer ${asked}`, () => peer.received.length === asked);
    };
    await ask();
    await ownDeadAddresses(lab.host('spoofer'));
    const load = loadArguments(endpoint(rendezvous.address, PORT), {
      mode: 'misses',
      keys: 1000,
      seconds: 30,
      rate: RATE,
      sources: DEAD,
      firstSource: FIRST_DEAD,
    });
    const flood = lab.host('spoofer').spawn(tools.load, load);
    await until('the flood', async () => (await counts()).classic.misses > ENOUGH);
    for (let i = 0; i < 10; i++) {
      await ask(); // once each: an answer that is dropped is not asked for again
    }
    assert.ok(flood.running, 'the flood is on');
    const { sockets } = await counts();
    assert.equal(sockets.sendDrops, 0);
    await flood.stop();
  });
});
