import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import { DeviceSource } from '../../src/dns/device-source.js';
import { UdpHandler } from '../../src/dns/udp-handler.js';
import { RateLimiter } from '../../src/limits/rate-limiter.js';
import type { BatchSocket } from '../../src/socket/batch-socket.js';
import {
  ADDRESS_WORDS,
  createDatagramBatch,
  type DatagramBatch,
  NO_REPLY,
  PORT_WORD,
} from '../../src/socket/datagram-batch.js';
import { endpoint } from '../../src/wire/endpoint.js';
import type { Device } from '../../src/wireguard/device.js';
import { device, EXAMPLE, FIRST, FIRST_NAME, peer, query, Registry } from './asking.js';

const STRIDE = 1280;
const MOVED = device([peer(FIRST.key, '9.9.9.9:9')]);

/** The queries of as many askers, on a clock that stands still; readings end when they are told to. */
class Bench {
  now = 0;
  readonly registry = new Registry(undefined);
  readonly flushed: (string | undefined)[] = [];
  private readonly outgoing = createDatagramBatch(4, STRIDE);
  private finishReading: ((it: Device) => void) | undefined;
  private readonly handler: UdpHandler;

  constructor() {
    const { roster, responder } = this.registry;
    const now = () => this.now;
    const read = () => new Promise<Device>((resolve) => (this.finishReading = resolve));
    const options = { maxAgeMs: 1000, maxStaleMs: 60_000, now, onProblem() {} };
    const source = new DeviceSource({ read, roster, ...options });
    const hashKey = { low: 1, high: 2 };
    const limiter = new RateLimiter({ rate: 0, burst: 1 });
    const flush = (count: number) => {
      this.flushed.push(...answersIn(this.outgoing, count));
      return count;
    };
    const socket = { outgoing: this.outgoing, flush } as unknown as BatchSocket;
    const answering = { responder, source, limiter, hashKey, now };
    this.handler = new UdpHandler(answering, endpoint('127.0.0.1', 53), () => socket);
  }

  /** What is answered at once. */
  ask(count: number): (string | undefined)[] {
    const batch = createDatagramBatch(count, STRIDE);
    const message = query(FIRST_NAME, 'A');
    for (let slot = 0; slot < count; slot++) {
      batch.payload.set(message, slot * STRIDE);
      batch.lengths[slot] = message.length;
      batch.addresses[slot * ADDRESS_WORDS + PORT_WORD] = 5000 + slot;
    }
    this.handler.handle(batch, count);
    return answersIn(batch, count);
  }

  async finish(state: Device): Promise<void> {
    this.finishReading?.(state);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The address in each reply; undefined where there is none. */
function answersIn({ payload, lengths }: DatagramBatch, count: number): (string | undefined)[] {
  return Array.from({ length: count }, (_, slot) => {
    const [start, length] = [slot * STRIDE, lengths[slot] as number];
    if (length === NO_REPLY) {
      return undefined;
    }
    const { answers } = decode(Buffer.from(payload.subarray(start, start + length)));
    return (answers as { data: string }[])[0]?.data;
  });
}

test('after a pause all wait for a new reading, and who finds no room gets nothing of long ago', async () => {
  const bench = new Bench();
  bench.ask(1);
  await bench.finish(EXAMPLE);
  assert.deepEqual(bench.flushed.splice(0), ['2.2.2.2']);
  bench.now = 60_000;
  assert.deepEqual(bench.ask(6), new Array(6).fill(undefined));
  await bench.finish(MOVED);
  assert.deepEqual(bench.flushed, new Array(4).fill('9.9.9.9'));
  assert.equal(bench.registry.responder.counts.udp.crowdedOut, 2);
});

test('who finds no room while a reading takes long is answered from the one before', async () => {
  const bench = new Bench();
  bench.ask(1);
  await bench.finish(EXAMPLE);
  bench.flushed.splice(0);
  bench.now = 2900;
  assert.deepEqual(bench.ask(6), [...new Array(4).fill(undefined), '2.2.2.2', '2.2.2.2']);
  await bench.finish(MOVED);
  assert.deepEqual(bench.flushed, new Array(4).fill('9.9.9.9'));
  assert.equal(bench.registry.responder.counts.udp.crowdedOut, 0);
});
