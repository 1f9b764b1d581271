import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { asPeer } from '../../src/compare/measure/compared-lab.js';
import { createLab, type LabHost, until, WireguardDevice } from '../../src/lab/index.js';
import { connected, spawnCommand } from './our-programs.js';
import { SealedServer } from './sealed-programs.js';

/*
 * Two hosts with two WireGuard interfaces each, and a client beside each of them. A host reaches the other's
 * addresses of one tunnel through that tunnel. An endpoint of the other tunnel may not be there: with one of each
 * kind the packets of both tunnels go in a circle.
 */
const NAMES = ['a', 'b'] as const;
/** Several looks of connected clients for better paths. */
const WATCH_MS = 15_000;
/** Between two looks at the endpoints. */
const LOOK_MS = 200;

async function secondDevice(host: LabHost, address: string): Promise<WireguardDevice> {
  const device = new WireguardDevice(host, {
    interface: `${host.wireguard.interface}x`,
    tunnelAddress: address,
    listenPort: 51_821,
  });
  await device.create();
  return device;
}

/** What our code gives in a host, as text. */
function evaluated(
  host: LabHost,
  module: string,
  expression: (module: string) => string,
): Promise<string> {
  const url = new URL(module, import.meta.url).href;
  const script = `const it = await import(${JSON.stringify(url)}); console.log(${expression('it')});`;
  return host.exec(process.execPath, ['--input-type=module', '-e', script]);
}

it('of virtual interfaces, only TUN devices and those of WireGuard are tunnels', async () => {
  await using lab = await createLab({ hosts: { a: {} } });
  const host = lab.host('a');
  await host.exec('ip', ['tuntap', 'add', 'dev', 'tun0', 'mode', 'tun']);
  await host.exec('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap']);
  await host.exec('ip', ['link', 'add', 'br0', 'type', 'bridge']);
  const names = [host.wireguard.interface, 'tun0', 'tap0', 'br0', 'lo', 'none'];
  const said = await evaluated(host, '../../src/socket/interface-flags.js', (name) => {
    return `${JSON.stringify(names)}.map(${name}.isTunnel).join(' ')`;
  });
  assert.equal(said.trim(), 'true true false false false false');
});

it('addresses of tunnels and of the own interface are not offered, under labels either', async () => {
  await using lab = await createLab({ hosts: { a: {} } });
  const host = lab.host('a');
  const { interface: tunnel } = host.wireguard;
  const labels = [`${tunnel}-x`, 'eth0-x', 'eth0:x'];
  for (const [i, label] of labels.entries()) {
    const [name = ''] = label.split(/[-:]x/);
    const address = `10.1.0.${i + 1}/32`;
    await host.exec('ip', ['addr', 'add', address, 'dev', name, 'label', label]);
  }
  const offered = async (ownInterface: string): Promise<string[]> => {
    const said = await evaluated(host, '../../src/client/host-addresses.js', (module) => {
      return `${module}.localEndpoints(1, '${ownInterface}').map((one) => one.address).join(' ')`;
    });
    return said.trim().split(/\s+/);
  };
  const all = await offered(tunnel);
  assert.deepEqual(
    all.filter((address) => address.startsWith('10.')),
    ['10.1.0.2', '10.1.0.3'],
  );
  assert.deepEqual(await offered('eth0'), ['']);
});

it('the tunnels between two hosts do not run through one another', async () => {
  await using lab = await createLab({ hosts: { a: { nat: 'cone' }, b: { nat: 'cone' } } });
  await using server = await SealedServer.start(lab);
  const hosts = NAMES.map((name) => lab.host(name));
  const first = hosts.map(({ wireguard }) => wireguard);
  const second = await Promise.all(hosts.map((host, i) => secondDevice(host, `10.201.0.${i + 1}`)));
  const [ofA, ofB] = second as [WireguardDevice, WireguardDevice];
  await ofA.setPeer(asPeer(ofB));
  await ofB.setPeer(asPeer(ofA));

  for (const host of hosts) {
    server.client(host);
  }
  await connected(lab, NAMES);
  for (const [i, host] of hosts.entries()) {
    const device = second[i]?.interface ?? '';
    spawnCommand(host, 'client', device, server.address, '--server-key', server.key);
  }
  await until('the second tunnel', () => ofA.hasHandshake(ofB.publicKey), {
    timeoutMs: 30_000,
  });

  const inTunnels = async (): Promise<string[]> => {
    const shown = [...first, ...second].map((device) => device.show('endpoints'));
    const endpoints = (await Promise.all(shown)).flatMap((peers) => [...peers.values()]);
    return endpoints.filter((one) => /^10\.20[01]\./.test(one));
  };
  const seen = new Set<string>();
  for (const end = performance.now() + WATCH_MS; performance.now() < end; await delay(LOOK_MS)) {
    for (const endpoint of await inTunnels()) {
      seen.add(endpoint);
    }
  }
  assert.deepEqual([...seen], []);
});
