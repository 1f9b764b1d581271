import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createLab, FULL_TUNNEL_MARK, type Lab, until } from '../../src/lab/index.js';
import { UdpProbe } from './udp-probe.js';

const PORT = 7777;

/** Sets the endpoint of b on a's device. */
async function introduce(lab: Lab<'a' | 'b'>, allowedIps?: readonly string[]): Promise<void> {
  const { publicKey, tunnelAddress, listenPort } = lab.host('b').wireguard;
  await lab.host('a').wireguard.setPeer({
    publicKey,
    allowedIps: allowedIps ?? [`${tunnelAddress}/32`],
    endpoint: `${lab.host('b').address}:${listenPort}`,
  });
}

describe('a WireGuard device of the lab', () => {
  it('connects to a peer with an endpoint, from the mapping of its NAT', async () => {
    await using lab = await createLab({ hosts: { a: { nat: 'cgnat' }, b: {} } });
    const [a, b] = [lab.host('a').wireguard, lab.host('b').wireguard];
    assert.equal(await lab.mappedEndpoint('a', 'b'), undefined);
    assert.equal(await a.endpointOf(b.publicKey), undefined);
    assert.equal(await a.hasHandshake(b.publicKey), false);
    await introduce(lab);
    assert.equal(await lab.ping('a', 'b', { timeoutMs: 10_000 }), true);
    assert.equal(await b.hasHandshake(a.publicKey), true);
    const endpoint = await b.endpointOf(a.publicKey);
    assert.equal(endpoint?.address, '198.51.100.10');
    assert.deepEqual(endpoint, await lab.mappedEndpoint('a', 'b'));
    await lab.host('a').gateways.at(-1)?.forgetMappings();
    assert.equal(await lab.mappedEndpoint('a', 'b'), undefined);
  });

  it('is restored after its removal with the same key and peers, and can change its port', async () => {
    await using lab = await createLab({ hosts: { a: {}, b: {} } });
    const device = lab.host('a').wireguard;
    const show = async () => {
      const text = await lab.host('a').exec('wg', ['show', device.interface]);
      return { key: /public key: (.*)/.exec(text)?.[1], peers: text.match(/peer: .*/g) };
    };
    const before = await show();
    assert.equal(before.key, device.publicKey);
    assert.equal(before.peers?.length, 1);
    await device.remove();
    const { code } = await lab.host('a').outcome('ip', ['link', 'show', device.interface]);
    assert.equal(code, 1);
    await device.create();
    assert.deepEqual(await show(), before);
    await device.setListenPort(51999);
    assert.equal(device.listenPort, 51999);
    await introduce(lab);
    assert.equal(await lab.ping('a', 'b', { timeoutMs: 10_000 }), true);
    const seen = await lab.host('b').wireguard.endpointOf(device.publicKey);
    assert.equal(seen?.port, 51999);
    await device.removePeer(lab.host('b').wireguard.publicKey);
    assert.equal((await device.show('endpoints')).size, 0);
  });

  it('has no private key in any process argument, nor on disk', async () => {
    const files = () => readdirSync('/tmp').filter((file) => file.startsWith('wg-rendezvous-lab-'));
    // A lab whose process was killed leaves its folder.
    const before = files();
    await using lab = await createLab({ hosts: { a: {} } });
    const { interface: name } = lab.host('a').wireguard;
    const key = (await lab.host('a').exec('wg', ['show', name, 'private-key'])).trim();
    assert.match(key, /^[A-Za-z0-9+/]{43}=$/);
    assert.deepEqual(
      files().filter((file) => !before.includes(file)),
      [],
    );
  });
});

describe('a full-tunnel host of the lab', () => {
  for (const nat of ['cone', 'none'] as const) {
    it(`behind ${nat}: sends unmarked packets into the tunnel, marked ones through eth0`, async () => {
      await using lab = await createLab({ hosts: { a: { nat, fullTunnelThrough: 'b' }, b: {} } });
      const a = lab.host('a');
      const { interface: device } = a.wireguard;
      const rv = lab.rendezvous.address;
      assert.match(await a.exec('ip', ['route', 'get', rv]), new RegExp(`dev ${device} `));
      const marked = await a.exec('ip', ['route', 'get', rv, 'mark', String(FULL_TUNNEL_MARK)]);
      assert.match(marked, /dev eth0 /);

      await introduce(lab, ['0.0.0.0/0']);
      // The replies pass strict reverse path filtering only because of the connection mark.
      assert.equal(await lab.ping('a', 'b', { timeoutMs: 10_000 }), true);

      await using plain = await a.cable.count({ destinationPort: PORT });
      await using arrived = await lab.rendezvous.cable.count({ destinationPort: PORT });
      const sent = async () =>
        Number(await a.exec('cat', [`/sys/class/net/${device}/statistics/tx_packets`]));
      const before = await sent();
      await using probe = await UdpProbe.open(a, PORT);
      probe.send(PORT, rv, PORT, 'unmarked');
      await until('it to go into the tunnel', async () => (await sent()) > before);
      assert.equal(await plain.packets(), 0);
      assert.equal(await arrived.packets(), 0);

      await using pings = await a.cable.count({ direction: 'outbound', protocol: 'icmp' });
      const mark = ['-n', '-q', '-c', '1', '-w', '1', '-m', String(FULL_TUNNEL_MARK), rv];
      await a.outcome('ping', mark);
      assert.equal(await pings.packets(), 1);
    });
  }
});
