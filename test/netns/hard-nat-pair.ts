import { fileURLToPath } from 'node:url';
import { type Lab, type LabHost, type LabProcess, until } from '../../src/lab/index.js';
import type { AgentTask } from './hard-nat-agent.js';
import { UdpProbe } from './udp-probe.js';

const AGENT = fileURLToPath(new URL('./hard-nat-agent.js', import.meta.url));
const SERVER_PORTS = [5001, 5002, 5003, 5004] as const;

/** The outside ports of a host's WireGuard port towards ports of the server. */
async function observe(lab: HardNatLab, host: LabHost): Promise<number[]> {
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

/** A lab with a hard side h and an easy side e. */
export type HardNatLab = Lab<'h' | 'e'>;

/** A pair that is connected. */
export interface HardNatPair {
  readonly hard: LabProcess;
  readonly easy: LabProcess;
  readonly tookMs: number;
}

/** Connects a pair. Rejects with what the agents said if there is no handshake within a minute. */
export async function connectHardNat(lab: HardNatLab, leader: 'h' | 'e'): Promise<HardNatPair> {
  const [h, e] = [lab.host('h'), lab.host('e')];
  const observedPorts = await observe(lab, h);
  const easyPorts = await observe(lab, e);
  const startedAt = performance.now();
  const start = (
    own: LabHost,
    peer: LabHost,
    port: number | undefined,
    role: AgentTask['role'],
  ) => {
    const task: AgentTask = {
      interface: own.wireguard.interface,
      listenPort: own.wireguard.listenPort,
      role,
      peer: peer.wireguard.publicKey,
      remote: `${peer.outsideAddresses[0]}:${port}`,
      observedPorts,
      leads: own.name === leader,
    };
    return own.spawn(process.execPath, [AGENT, JSON.stringify(task)]);
  };
  const hard = start(h, e, easyPorts[0], 'sockets');
  const easy = start(e, h, observedPorts[0], 'ports');
  try {
    await until(
      'handshakes',
      async () =>
        (await h.wireguard.hasHandshake(e.wireguard.publicKey)) &&
        (await e.wireguard.hasHandshake(h.wireguard.publicKey)),
      { timeoutMs: 60_000 },
    );
  } catch (cause) {
    const said = [hard, easy].map(({ stdout, stderr }) => stdout + stderr).join('\n');
    throw new Error(said, { cause });
  }
  return { hard, easy, tookMs: performance.now() - startedAt };
}
