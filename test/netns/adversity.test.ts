import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, type Lab, type LabProcess, until } from '../../src/lab/index.js';
import { connected, handshakes, startClient, startServer } from './our-programs.js';

const HOSTS = { a: { nat: 'cone' }, b: { nat: 'cone' } } as const;
const PORT = 49918;

function startBoth(lab: Lab<'a' | 'b'>) {
  return [lab.host('a'), lab.host('b')].map((host) => startClient(host, lab.rendezvous.address));
}

function complaints(client: LabProcess): number {
  return client.stderr.match(/no answer from 198\.51\.100\.1 /g)?.length ?? 0;
}

/** Requests that reached the rendezvous host, until so many have. */
async function requestsArrived(lab: Lab<'a' | 'b'>, count: number): Promise<void> {
  await using rule = await lab.rendezvous.cable.count({
    direction: 'inbound',
    destinationPort: PORT,
  });
  await until(`${count} requests`, async () => (await rule.packets()) >= count, {
    timeoutMs: 20_000,
  });
}

describe('the tunnel comes up by itself', { concurrency: 3 }, () => {
  it('when the server starts later, in silence', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const silence = await lab.rendezvous.cable.block({ direction: 'outbound', protocol: 'icmp' });
    const clients = startBoth(lab);
    await Promise.all(
      clients.map((client) => until('the complaint', () => complaints(client) > 0)),
    );
    await requestsArrived(lab, 8);
    assert.deepEqual(clients.map(complaints), [1, 1], 'said once');
    assert.ok((await silence.packets()) > 0);
    await startServer(lab.rendezvous);
    await connected(lab, ['a', 'b']);
  });

  it('when the server starts later, while ICMP refuses', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await using refusals = await lab.rendezvous.cable.count({
      direction: 'outbound',
      protocol: 'icmp',
    });
    startBoth(lab);
    await requestsArrived(lab, 8);
    assert.ok((await refusals.packets()) > 0);
    await startServer(lab.rendezvous);
    await connected(lab, ['a', 'b']);
  });

  it('when one reply is lost', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    const dropped = await lab
      .host('a')
      .cable.dropNext(1, { direction: 'inbound', sourcePort: PORT });
    startBoth(lab);
    await connected(lab, ['a', 'b']);
    assert.equal(await dropped.packets(), 1);
  });

  it('when 30 % of all packets are lost', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    await startServer(lab.rendezvous);
    await lab.host('a').cable.loss(0.3);
    startBoth(lab);
    await handshakes(lab, ['a', 'b'], 60_000);
    await lab.host('a').cable.loss(0);
    await connected(lab, ['a', 'b']);
  });

  it('when the server is killed and started again', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const server = await startServer(lab.rendezvous);
    startClient(lab.host('a'), lab.rendezvous.address);
    await requestsArrived(lab, 2);
    await server.stop('SIGKILL');
    startClient(lab.host('b'), lab.rendezvous.address);
    await requestsArrived(lab, 4);
    await startServer(lab.rendezvous);
    await connected(lab, ['a', 'b']);
  });

  it('and stays up when the server is killed after that', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    const server = await startServer(lab.rendezvous);
    startBoth(lab);
    await connected(lab, ['a', 'b']);
    await server.stop('SIGKILL');
    assert.ok(await lab.ping('a', 'b', { timeoutMs: 5_000 }));
  });

  it('reports a name of the server that does not resolve, once', async () => {
    await using lab = await createLab({ hosts: HOSTS });
    // Refused at once, so that several tries fit into the time.
    await lab.host('a').nft(`
      table inet nodns {
        chain out {
          type filter hook output priority 0
          udp dport 53 reject
        }
      }`);
    const limit = ['--once', '--timeout', '8'];
    const client = startClient(lab.host('a'), 'rendezvous.invalid', ...limit);
    assert.equal((await client.exited).code, 3);
    const lines = client.stderr.split('\n').filter((line) => line.includes('cannot resolve'));
    assert.equal(lines.filter((line) => line.includes(' warn ')).length, 1, client.stderr);
    assert.match(lines.at(-1) as string, /rendezvous\.invalid \((?:EAI_AGAIN|ENOTFOUND)\): check/);
  });
});
