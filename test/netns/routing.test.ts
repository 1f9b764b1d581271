import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab } from '../../src/lab/index.js';
import { connected, startClient, startServer } from './our-programs.js';

describe('other networks than NATed IPv4', { concurrency: 2 }, () => {
  it('IPv6 between two stateful firewalls', async () => {
    await using lab = await createLab({
      hosts: { a: { nat: 'firewall6' }, b: { nat: 'firewall6' } },
    });
    await startServer(lab.rendezvous);
    const server = lab.rendezvous.addresses[6][0] as string;
    startClient(lab.host('a'), server);
    startClient(lab.host('b'), server);
    await connected(lab, ['a', 'b']);
    const endpoint = await lab.host('a').wireguard.endpointOf(lab.host('b').wireguard.publicKey);
    assert.deepEqual(endpoint, await lab.mappedEndpoint('b', 'a'));
    assert.equal(endpoint?.family, 6);
  });

  it('full tunnel: the probe goes beside the tunnel, not into it', async () => {
    await using lab = await createLab({
      hosts: { a: { nat: 'cone', fullTunnelThrough: 'b' }, b: { nat: 'none' } },
    });
    await startServer(lab.rendezvous);
    await using probes = await lab.host('a').cable.count({
      direction: 'outbound',
      destinationPort: 49918,
    });
    const host = lab.host('a');
    await host.nft(`
      table inet probes {
        counter inside { }
        chain out {
          type filter hook output priority 0
          oifname "${host.wireguard.interface}" udp dport 49918 counter name inside
        }
      }`);
    const inside = () => host.exec('nft', ['list', 'counter', 'inet', 'probes', 'inside']);
    const client = startClient(host, lab.rendezvous.address);
    startClient(lab.host('b'), lab.rendezvous.address);
    await connected(lab, ['a', 'b']);
    assert.ok((await probes.packets()) > 0);
    assert.match(await inside(), /packets 0 /);
    assert.match(
      client.stderr,
      new RegExp(
        `leave as WireGuard's packets do, by eth0.*; other packets by ${host.wireguard.interface}`,
      ),
    );
    assert.ok(!client.stderr.includes('no answer'));
  });

  it("a rule that chooses by WireGuard's port is followed, and so is its source address", async () => {
    await using lab = await createLab({ hosts: { a: { nat: 'none' }, b: { nat: 'none' } } });
    await startServer(lab.rendezvous);
    const [a, second] = [lab.host('a'), '198.51.100.77'];
    await a.ip([
      // As a /32: with a prefix it would be the source of other packets, too.
      `address add ${second}/32 dev eth0`,
      `route add 198.51.100.0/24 dev eth0 src ${second} table 100`,
      `rule add ipproto udp sport ${a.wireguard.listenPort} table 100`,
    ]);
    await using requests = await a.cable.count({ source: second, destinationPort: 49918 });
    const client = startClient(a, lab.rendezvous.address);
    const other = startClient(lab.host('b'), lab.rendezvous.address);
    await connected(lab, ['a', 'b']);
    assert.ok((await requests.packets()) > 0);
    assert.match(
      client.stderr,
      /by eth0 from 198\.51\.100\.77; other packets by eth0 from (?!198\.51\.100\.77)/,
    );
    assert.doesNotMatch(other.stderr, /other packets/);
  });

  it('a server with two addresses answers from the one that the request was sent to', async () => {
    await using lab = await createLab({
      hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } },
      rendezvousAddresses: 2,
    });
    await startServer(lab.rendezvous);
    const second = lab.rendezvous.addresses[4][1] as string;
    startClient(lab.host('a'), second);
    startClient(lab.host('b'), second);
    await connected(lab, ['a', 'b']);
  });
});
