import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { asPeer } from '../../src/compare/measure/compared-lab.js';
import { median } from '../../src/compare/measure/statistics.js';
import type { OurProgram } from '../../src/compare/our-program.js';
import {
  createLab,
  type Lab,
  type LabHost,
  meshHosts,
  until,
  WireguardDevice,
} from '../../src/lab/index.js';
import { TemporaryFolder } from '../../src/lab/temporary-folder.js';

const CLIENTS = fileURLToPath(new URL('crowd-clients.js', import.meta.url));
const HOSTS = 4;
const FIRST_PORT = 52_000;
/** The lab gives the first ones to its hosts. */
const FIRST_TUNNEL_NUMBER = 20;
const READY_TIMEOUT_MS = 60_000;
/** By then the clients ask at their longest interval, know their NATs, and have removed old rules of nftables. */
const SETTLE_MS = 15_000;
const TIMEOUT_MS = 30_000;
const CHECK_MS = 100;

export interface CrowdOptions {
  readonly ours: OurProgram;
  readonly node: string;
  readonly tries: number;
  readonly roundTripMs: number;
  /** A multiple of the number of hosts. */
  readonly peers: number;
}

/** Milliseconds from the start of the hub's client. */
interface Times {
  readonly half: number;
  readonly all: number;
}

/**
 * Prints how long a hub needs until it has handshakes with peers that wait for it, each with a WireGuard and a client
 * of its own, and the ratio to a hub with one peer at each host. The peers of a host share its NAT, and their clients
 * a process: with a process for each, a machine of two cores measures how it starts and switches between hundreds.
 * Those processes leave the hub's client the processor when it needs it: elsewhere they are on other machines.
 */
export async function printCrowd({ tries, peers, ...options }: CrowdOptions): Promise<void> {
  const few: Times[] = [];
  const many: Times[] = [];
  for (let i = 1; i <= tries; i++) {
    few.push(await measure({ ...options, peers: HOSTS }));
    many.push(await measure({ ...options, peers }));
    const [one, other] = [few.at(-1) as Times, many.at(-1) as Times];
    console.log(`try ${i}: ${HOSTS} peers ${text(one)}; ${peers} peers ${text(other)}`);
  }
  const all = many.map((one) => one.all);
  const ratio = median(all) / median(few.map((one) => one.all));
  console.log(
    `all ${peers}: median ${median(all).toFixed(0)} ms, worst ${Math.max(...all).toFixed(0)}; ` +
      `${ratio.toFixed(1)} times ${HOSTS} peers`,
  );
}

function text({ half, all }: Times): string {
  return `half ${half.toFixed(0)} ms, all ${all.toFixed(0)} ms`;
}

async function measure({
  ours,
  node,
  peers,
  roundTripMs,
}: Omit<CrowdOptions, 'tries'>): Promise<Times> {
  using folder = new TemporaryFolder('crowd');
  const crowd = meshHosts(HOSTS, { nat: 'cone' });
  const names = Object.keys(crowd);
  await using lab: Lab<string> = await createLab<string>({
    hosts: { ...crowd, hub: { nat: 'cone' } },
    peers: false,
    distance: { roundTripMs },
    rendezvousDistance: { loss: 0 },
  });
  const hub = lab.host('hub');
  const devices = await Promise.all(
    names.map((name, i) => addDevices(lab.host(name), hub, peers / HOSTS, (i * peers) / HOSTS)),
  );
  await hub.wireguard.setPeers(devices.flat().map(asPeer));

  const { address } = lab.rendezvous;
  const server = ours.spawn(lab.rendezvous, ['server', '--key', folder.file('server.key')]);
  const [, key = ''] = await server.waitForOutput(/^public key (.{44})$/m);
  const crowds = names.map((name, i) => {
    const interfaces = devices[i]?.map((one) => one.interface) ?? [];
    return lab.host(name).spawn('nice', ['-n', '3', node, CLIENTS, address, key, ...interfaces]);
  });
  for (const clients of crowds) {
    await clients.waitForOutput(/^all wait$/m, { timeoutMs: READY_TIMEOUT_MS });
  }
  await delay(SETTLE_MS);

  const begin = performance.now();
  ours.spawn(hub, ['client', hub.wireguard.interface, address, '--server-key', key]);
  const reached = async (count: number): Promise<number> => {
    const isReached = async (): Promise<boolean> => {
      const ended = crowds.find(({ running }) => !running);
      if (ended !== undefined) {
        throw new Error(`the clients of a host have ended: ${ended.stderr}`);
      }
      return (await connected(hub)) >= count;
    };
    await until(`${count} handshakes`, isReached, {
      timeoutMs: TIMEOUT_MS,
      intervalMs: CHECK_MS,
    });
    return performance.now() - begin;
  };
  return { half: await reached(peers / 2), all: await reached(peers) };
}

/** Adds interfaces to a host, each with the hub as its only peer. */
async function addDevices(
  host: LabHost,
  hub: LabHost,
  count: number,
  first: number,
): Promise<WireguardDevice[]> {
  const devices: WireguardDevice[] = [];
  for (let i = 0; i < count; i++) {
    const device = new WireguardDevice(host, {
      interface: `${host.wireguard.interface}x${i.toString(36)}`,
      tunnelAddress: `10.200.0.${FIRST_TUNNEL_NUMBER + first + i}`,
      listenPort: FIRST_PORT + i,
    });
    await device.create();
    await device.setPeer(asPeer(hub.wireguard));
    devices.push(device);
  }
  return devices;
}

/** How many peers a host has had a handshake with. */
async function connected(host: LabHost): Promise<number> {
  const times = await host.wireguard.show('latest-handshakes');
  return [...times.values()].filter((time) => time !== '0').length;
}
