import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cpuSeconds } from '../server/subject.js';
import type { Route } from './load.js';
import { type Relay, run } from './subjects.js';

/** Bytes that WireGuard adds to a UDP payload inside: IPv4 and UDP headers, its own header and tag. */
const OVERHEAD = 20 + 8 + 16 + 16;
const READY_MS = 10_000;
const LISTEN_PORT = 51_820;
const SINK_PORT = 7000;
const HUB_NETWORK = '10.99.0.0/24';

interface Node {
  readonly name: string;
  readonly netns: string;
  /** Its address in the tunnel by the hub, and in the one that A and B have without it. */
  readonly inside: string;
  readonly direct: string;
  readonly outside: string;
  readonly publicKey: string;
  readonly keyFile: string;
}

interface Peer {
  readonly node: Node;
  readonly allowedIps: string;
}

/**
 * A WireGuard hub, the bounce server that people use today: wireguard-go in a network namespace of its own,
 * which decrypts what A sends and encrypts it for B. A and B are wireguard-go too, on the same processors: its
 * datagrams per second are those of all three, its processor time is its own. The same path without it is
 * a tunnel from A straight to B, over the same bridge.
 */
export async function startHub(folder: string): Promise<Relay> {
  const cleanup: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const undo of cleanup.splice(0).reverse()) {
      await undo();
    }
  };
  try {
    const tag = `wgr${process.pid}`;
    const [hub, a, b] = await Promise.all([
      makeNode(folder, `${tag}h`, 1),
      makeNode(folder, `${tag}a`, 2),
      makeNode(folder, `${tag}b`, 3),
    ]);
    const nodes = [hub, a, b] as const;
    for (const { netns } of nodes) {
      await run('ip', 'netns', 'add', netns);
      cleanup.push(() => run('ip', 'netns', 'del', netns));
    }
    await run('ip', '-n', hub.netns, 'link', 'add', 'br0', 'type', 'bridge');
    await run('ip', '-n', hub.netns, 'addr', 'add', `${hub.outside}/24`, 'dev', 'br0');
    await run('ip', '-n', hub.netns, 'link', 'set', 'br0', 'up');
    await run('ip', 'netns', 'exec', hub.netns, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    for (const [i, { netns, outside }] of [a, b].entries()) {
      const port = `p${i}`;
      await run(
        ...(['ip', '-n', hub.netns, 'link', 'add', port, 'type', 'veth'] as const),
        ...['peer', 'name', 'eth0', 'netns', netns],
      );
      await run('ip', '-n', hub.netns, 'link', 'set', port, 'master', 'br0', 'up');
      await run('ip', '-n', netns, 'addr', 'add', `${outside}/24`, 'dev', 'eth0');
      await run('ip', '-n', netns, 'link', 'set', 'eth0', 'up');
    }
    const pids: number[] = [];
    const onlyIt = ({ inside }: Node) => `${inside}/32`;
    const straight = ({ direct }: Node) => `${direct}/32`;
    const peersOf = new Map<Node, readonly Peer[]>([
      [hub, [a, b].map((node) => ({ node, allowedIps: onlyIt(node) }))],
      [
        a,
        [
          { node: hub, allowedIps: HUB_NETWORK },
          { node: b, allowedIps: straight(b) },
        ],
      ],
      [
        b,
        [
          { node: hub, allowedIps: HUB_NETWORK },
          { node: a, allowedIps: straight(a) },
        ],
      ],
    ]);
    for (const [node, peers] of peersOf) {
      pids.push(await startWireguard(cleanup, node, peers));
    }
    for (const address of [b.inside, b.direct]) {
      await run(
        ...(['ip', 'netns', 'exec', a.netns, 'ping', '-qc', '3', '-i', '0.3'] as const),
        ...['-W', '3', address],
      );
    }
    const hubPid = pids[0]!;
    const routeBetween = (from: string, to: string): Route => ({
      from: `${from}:${SINK_PORT}`,
      to: `${to}:${SINK_PORT}`,
      sink: `${to}:${SINK_PORT}`,
      fromNetns: `/run/netns/${a.netns}`,
      sinkNetns: `/run/netns/${b.netns}`,
      overhead: OVERHEAD,
    });
    return {
      name: 'wireguard-go hub',
      route: routeBetween(a.inside, b.inside),
      direct: routeBetween(a.direct, b.direct),
      cpuSeconds: () => cpuSeconds(hubPid),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeNode(folder: string, netns: string, number: number): Promise<Node> {
  const { stdout } = await promisify(execFile)('wg', ['genkey']);
  const keyFile = join(folder, netns);
  await writeFile(keyFile, stdout, { mode: 0o600 });
  const child = spawn('wg', ['pubkey'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(stdout);
  const [publicKey] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return {
    name: netns,
    netns,
    inside: `10.99.0.${number}`,
    direct: `10.97.0.${number}`,
    outside: `10.98.0.${number}`,
    publicKey: publicKey.trim(),
    keyFile,
  };
}

/** Returns the process ID of wireguard-go, which the cleanup ends. */
async function startWireguard(
  cleanup: (() => Promise<void>)[],
  node: Node,
  peers: readonly Peer[],
): Promise<number> {
  const { netns, name } = node;
  // `ip netns exec` becomes the program, so that its process is the program's.
  const child = spawn('ip', ['netns', 'exec', netns, 'wireguard-go', '-f', name], {
    stdio: 'ignore',
    env: { ...process.env, LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' },
  });
  cleanup.push(async () => {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  });
  const deadline = Date.now() + READY_MS;
  for (;;) {
    try {
      await run('ip', 'netns', 'exec', netns, 'wg', 'show', name);
      break;
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await delay(50);
    }
  }
  const args = peers.flatMap(({ node: peer, allowedIps }) => [
    ...['peer', peer.publicKey, 'endpoint', `${peer.outside}:${LISTEN_PORT}`],
    ...['allowed-ips', allowedIps],
  ]);
  await run(
    ...(['ip', 'netns', 'exec', netns, 'wg', 'set', name, 'private-key', node.keyFile] as const),
    ...['listen-port', String(LISTEN_PORT), ...args],
  );
  for (const address of [node.inside, node.direct]) {
    await run('ip', '-n', netns, 'addr', 'add', `${address}/24`, 'dev', name);
  }
  await run('ip', '-n', netns, 'link', 'set', name, 'mtu', '1420', 'up');
  return child.pid!;
}
