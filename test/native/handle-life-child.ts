import { createSocket } from 'node:dgram';
import { readdirSync, readlinkSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  loadBinding,
  type NativeRawSocket,
  type NativeUdpBatch,
} from '../../src/socket/binding.js';
import { REJECT_ALL } from '../../src/wire/bpf.js';
import { ACCEPT_ALL } from './raw-socket-peer.js';

/**
 * Takes a handle up to one step of its life and ends there; run by handle-life.test.ts as
 * `node handle-life-child.js ENDING KIND STEP`. ENDING is how: the process exits, a worker that has
 * the handle exits by itself, or is terminated from outside, or the script ends and nothing is closed.
 */
export const ENDINGS = ['exit', 'worker-exit', 'worker-terminate', 'unref'] as const;
export const KINDS = ['raw', 'udp'] as const;
export const STEPS = [
  'constructed',
  'filtered',
  'started',
  'received',
  'closing-received',
  'closing',
  'closed',
] as const;

type Step = (typeof STEPS)[number];
type Native = NativeRawSocket | NativeUdpBatch;

const LOOPBACK = { address: '127.0.0.1', bytes: Uint8Array.of(127, 0, 0, 1) };

/** Walks through the steps and calls back at the one asked for, on the stack of that moment. */
function live(kind: string, step: Step, reached: () => void): Native {
  const { RawSocket, UdpBatch } = loadBinding();
  const at = (passed: Step) => passed === step && reached();
  const udp = () =>
    new UdpBatch({
      family: 4,
      address: LOOPBACK.bytes,
      scopeId: 0,
      port: 0,
      receiveBufferBytes: 0,
    });
  const native = kind === 'raw' ? new RawSocket(4) : udp();
  at('constructed');
  if ('attachFilter' in native) {
    native.attachFilter(step.endsWith('received') ? ACCEPT_ALL : REJECT_ALL);
  }
  at('filtered');
  native.start(() => {
    if (step === 'closing-received') {
      native.close();
    }
    at('received');
    at('closing-received');
  });
  at('started');
  if (step.endsWith('received')) {
    sendTo('port' in native ? native.port : 9);
  } else if (step.startsWith('clos')) {
    native.close(() => at('closed'));
    at('closing');
  }
  return native;
}

function sendTo(port: number): void {
  const sender = createSocket('udp4');
  sender.send('anything', port, LOOPBACK.address, () => sender.close());
}

function countSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

/** Blocks forever, so that termination comes on the very stack of the step. */
function stay(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

async function runWorker(ending: string, kind: string, step: string): Promise<void> {
  const before = countSockets();
  const data = { ending, kind, step };
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  const ended = new Promise<number>((resolve, reject) => {
    worker.on('exit', resolve);
    worker.on('error', reject);
  });
  await new Promise((resolve) => worker.once('message', resolve));
  if (ending === 'worker-terminate') {
    await worker.terminate();
  }
  const code = await ended;
  const expected = ending === 'worker-terminate' ? 1 : 7;
  if (code !== expected || countSockets() !== before) {
    throw new Error(`worker ended with ${code}, ${before} sockets became ${countSockets()}`);
  }
}

if (isMainThread) {
  const [, script, ending, kind, step] = process.argv;
  if (script === new URL(import.meta.url).pathname && ending && kind && step) {
    if (ending.startsWith('worker')) {
      await runWorker(ending, kind, step);
      process.exitCode = 7;
    } else if (ending === 'exit') {
      live(kind, step as Step, () => process.exit(7));
    } else {
      process.exitCode = 7;
      live(kind, step as Step, () => {}).unref();
    }
  }
} else if (workerData?.ending !== undefined) {
  const { ending, kind, step } = workerData as Record<string, string>;
  live(kind as string, step as Step, () => {
    parentPort?.postMessage('reached');
    if (ending === 'worker-exit') {
      process.exit(7);
    }
    stay();
  });
}
