/*
 * One side of a hard NAT pair, for hard-nat.test.ts: the modules of the client with a simple message instead of
 * the sealed probes. Reads one order as JSON from its argument, and writes events as lines.
 */
import { randomInt } from 'node:crypto';
import { FlowTranslation } from '../../src/client/paths/flow-translation.js';
import type { HardNatRole } from '../../src/client/paths/hard-nat.js';
import { HardNatRunner } from '../../src/client/paths/hard-nat-runner.js';
import { natBehaviour } from '../../src/client/paths/nat-behaviour.js';
import { openRawSocket, type RawSocket } from '../../src/socket/raw-socket.js';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../src/wire/endpoint.js';
import { parsePublicKey } from '../../src/wire/key.js';
import { setListenPort, setPeers } from '../../src/wireguard/wg-tool.js';

/** The agent's input. */
export interface AgentTask {
  readonly interface: string;
  readonly listenPort: number;
  readonly role: HardNatRole;
  /** The peer's public key. */
  readonly peer: string;
  readonly remote: string;
  /** Outside ports of the hard side, in the order of their observation. */
  readonly observedPorts: readonly number[];
  /** Whether this side starts WireGuard's handshake. */
  readonly leads: boolean;
}

const FIRST_WORD = 0x77677206;
const LENGTH = 70;
const KIND = { probe: 0, response: 1, ready: 2, go: 3 } as const;
type Kind = keyof typeof KIND;
const REPEAT_MS = 100;

const task = JSON.parse(process.argv[2] as string) as AgentTask;
const startedAt = performance.now();
const remote = parseEndpoint(task.remote);
const translation = new FlowTranslation(task.interface);
let raw: RawSocket;
let listenPort = task.listenPort;
let isDone = false;
let probes = 0;
let repeat: NodeJS.Timeout | undefined;

function say(text: string): void {
  process.stdout.write(`${Math.round(performance.now() - startedAt)} ms: ${text}\n`);
}

function message(kind: Kind): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  new DataView(bytes.buffer).setUint32(0, FIRST_WORD);
  bytes[4] = KIND[kind];
  return bytes;
}

function kindOf(payload: Uint8Array): number | undefined {
  return payload.length === LENGTH ? payload[4] : undefined;
}

async function setEndpoint(endpoint: Endpoint): Promise<void> {
  isDone = true;
  const publicKey = parsePublicKey(task.peer);
  await setPeers(task.interface, [{ publicKey, endpoint, persistentKeepalive: 25 }]);
  say(`set ${formatEndpoint(endpoint)} after ${probes} probes`);
}

function openRaw(): RawSocket {
  return openRawSocket({
    rule: {
      family: 4,
      source: undefined,
      listenPort,
      payloadLengths: [LENGTH],
      firstWord: FIRST_WORD,
    },
    mark: 0,
    onPayload: (payload, from) => receive(payload, from),
    onError: ({ message }) => say(`error: ${message}`),
  });
}

/** `ready` says that WireGuard's own packets come from there, `go` answers it. */
function receive(payload: Uint8Array, from: Endpoint): void {
  const kind = kindOf(payload);
  if (kind === KIND.probe) {
    raw.send(message('response'), from);
  } else if (kind === KIND.response) {
    runner.stop('peer');
  } else if (kind === KIND.ready) {
    runner.stop('peer');
    raw.send(message('go'), from);
    if (task.leads && !isDone) {
      void setEndpoint(from);
    }
  } else if (kind === KIND.go) {
    clearInterval(repeat);
    if (task.leads && !isDone) {
      void setEndpoint(from);
    }
  }
}

function moved(port: number): void {
  say(`moved to ${port}`);
  const ready = () => raw.send(message('ready'), remote);
  repeat = setInterval(ready, REPEAT_MS);
  ready();
}

const runner = new HardNatRunner({
  translation,
  random: (below) => randomInt(below),
  now: () => performance.now(),
  link: {
    sendProbe: (_, to) => {
      probes++;
      raw.send(message('probe'), to);
    },
    encodeProbe: () => message('probe'),
    read: (_, payload) => {
      const kind = kindOf(payload);
      return kind === KIND.probe
        ? { answer: message('response') }
        : kind === undefined
          ? undefined
          : {};
    },
    localAddress: (to) => raw.localAddress(to),
    isOnlyPeer: () => true,
    setListenPort: async (port) => {
      await setListenPort(task.interface, port);
      await raw.close();
      listenPort = port;
      raw = openRaw();
    },
    moved: (_, flow) => moved(flow.port),
    portChanged: (_, flow) => moved(flow.port),
    report: (_, step, problem) => problem !== undefined && say(`${step} failed: ${problem}`),
  },
});

raw = openRaw();
await translation.adopt(() => false);
runner.use({ listenPort, fwmark: 0 });
const { role, observedPorts } = task;
const observations = observedPorts.map((port, index) => ({
  localPort: index < 2 ? listenPort : index,
  asked: { ...remote, port: index + 1 },
  mapped: { ...remote, port },
  at: index,
}));
const { step, block } = natBehaviour(observations, []);
const pattern = { last: observedPorts[0] as number, step, block };
runner.add('peer', { role, remote, pattern }, performance.now());
say('started');

function work(): void {
  const now = performance.now();
  runner.work(now);
  const wait = Math.max(1, Math.min(runner.nextAt - performance.now(), 1_000));
  setTimeout(work, wait);
}
work();

process.once('SIGTERM', async () => {
  clearInterval(repeat);
  await translation.close(() => true);
  await runner.close();
  process.exit();
});
