import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLab, type Lab, type LabHost, type NatKind, until } from '../../src/lab/index.js';
import type { AgentTask } from './hard-nat-agent.js';
import { UdpProbe } from './udp-probe.js';

const AGENT = fileURLToPath(new URL('./hard-nat-agent.js', import.meta.url));
const SERVER_PORTS = [5001, 5002] as const;

/** The outside ports of a host's WireGuard port towards two ports of the server. */
async function observe(lab: Lab<'h' | 'e'>, host: LabHost): Promise<number[]> {
  const { listenPort } = host.wireguard;
  await using server = await UdpProbe.open(lab.rendezvous, ...SERVER_PORTS);
  const ports: number[] = [];
  for (const port of SERVER_PORTS) {
    await host.exec('python3', [
      '-c',
      RAW_SEND,
      lab.rendezvous.address,
      String(listenPort),
      String(port),
    ]);
    const seen = await until(`a datagram at ${port}`, () =>
      server.received.find(({ at }) => at === port),
    );
    ports.push(seen.fromPort);
  }
  return ports;
}

/** Sends a UDP datagram from WireGuard's port, as the client does. */
const RAW_SEND = `
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
s.sendto(struct.pack('>HHHH', int(sys.argv[2]), int(sys.argv[3]), 9, 0) + b'?', (sys.argv[1], 0))
`;

/** Connects a pair, and returns how long that took in ms. */
async function connect(lab: Lab<'h' | 'e'>, leader: 'h' | 'e'): Promise<number> {
  const [h, e] = [lab.host('h'), lab.host('e')];
  const hardPorts = await observe(lab, h);
  const easyPorts = await observe(lab, e);
  const startedAt = performance.now();
  const start = (own: LabHost, peer: LabHost, port: number, role: AgentTask['role']) => {
    const task: AgentTask = {
      interface: own.wireguard.interface,
      listenPort: own.wireguard.listenPort,
      role,
      peer: peer.wireguard.publicKey,
      remote: `${peer.outsideAddresses[0]}:${port}`,
      observedPorts: hardPorts,
      leads: own.name === leader,
    };
    return own.spawn(process.execPath, [AGENT, JSON.stringify(task)]);
  };
  const agents = [
    start(h, e, easyPorts[0] as number, 'sockets'),
    start(e, h, hardPorts[0] as number, 'ports'),
  ];
  try {
    await until(
      'handshakes',
      async () =>
        (await h.wireguard.hasHandshake(e.wireguard.publicKey)) &&
        (await e.wireguard.hasHandshake(h.wireguard.publicKey)),
      { timeoutMs: 60_000 },
    );
  } catch (error) {
    throw new Error(agents.map(({ stdout, stderr }) => stdout + stderr).join('\n'), {
      cause: error,
    });
  }
  const took = performance.now() - startedAt;
  if (process.env['VERBOSE']) console.log(agents.map(({ stdout }) => stdout).join('--\n'));
  return took;
}

const KINDS: readonly [NatKind, NatKind][] = [
  ['symmetric', 'cone'],
  ['cgnat-block', 'cone'],
  ['stepping', 'cone'],
];

describe('hard NAT by many sockets', () => {
  for (const [hard, easy] of KINDS) {
    for (const leader of ['h', 'e'] as const) {
      it(`${hard} x ${easy}, ${leader === 'h' ? 'hard' : 'easy'} side leads`, async (t) => {
        await using lab = await createLab({
          hosts: { h: { nat: hard }, e: { nat: easy } },
          distance: { roundTripMs: 50 },
        });
        const took = await connect(lab, leader);
        t.diagnostic(`${Math.round(took)} ms`);
        assert.ok(await lab.ping('h', 'e', { timeoutMs: 5_000 }));
        assert.ok(await lab.ping('e', 'h', { timeoutMs: 5_000 }));
      });
    }
  }
});
