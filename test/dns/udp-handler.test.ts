import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import { DeviceSource } from '../../src/dns/device-source.js';
import { UdpHandler } from '../../src/dns/udp-handler.js';
import { Admission } from '../../src/limits/admission.js';
import { ConnectionPool } from '../../src/limits/connection-pool.js';
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

/** The queries of as many askers, on a clock that stands still; readings end when the test ends them. */
class Bench {
  now = 0;
  readonly registry = new Registry(undefined);
  readonly flushed: (string | undefined)[] = [];
  private readonly outgoing = createDatagramBatch(4, STRIDE);
  private finishReading: ((it: Device) => void) | undefined;
  private readonly handler: UdpHandler;

  constructor(replyLimiter?: RateLimiter) {
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
    const connections = new ConnectionPool({ capacity: 1 });
    const admission = new Admission({ limiter, hashKey, minLength: 12, maxLength: STRIDE });
    const limits = { admission, limiter, replyLimiter, connections, hashKey };
    const answering = { responder, source, ...limits, now };
    this.handler = new UdpHandler(answering, endpoint('127.0.0.1', 53), () => socket);
  }

  /** The addresses that are answered at once. */
  ask(count: number): (string | undefined)[] {
    return answersIn(this.handle(count), count);
  }

  /** The replies that are sent at once. */
  askRaw(count: number): (Uint8Array | undefined)[] {
    return repliesIn(this.handle(count), count);
  }

  private handle(count: number): DatagramBatch {
    const batch = createDatagramBatch(count, STRIDE);
    const message = query(FIRST_NAME, 'A');
    for (let slot = 0; slot < count; slot++) {
      batch.payload.set(message, slot * STRIDE);
      batch.lengths[slot] = message.length;
      batch.addresses[slot * ADDRESS_WORDS + PORT_WORD] = 5000 + slot;
    }
    this.handler.handle(batch, count);
    return batch;
  }

  async finish(state: Device): Promise<void> {
    this.finishReading?.(state);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function repliesIn({ payload, lengths }: DatagramBatch, count: number): (Uint8Array | undefined)[] {
  return Array.from({ length: count }, (_, slot) => {
    const [start, length] = [slot * STRIDE, lengths[slot] as number];
    return length === NO_REPLY ? undefined : payload.subarray(start, start + length);
  });
}

/** The address in each reply; undefined if there is none. */
function answersIn(batch: DatagramBatch, count: number): (string | undefined)[] {
  return repliesIn(batch, count).map((reply) => {
    const { answers } = reply === undefined ? { answers: [] } : decode(Buffer.from(reply));
    return (answers as { data: string }[])[0]?.data;
  });
}

test('after a pause queries wait for a new reading, and those without room get no old answer', async () => {
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

test('queries without room during a long reading are answered from the previous one', async () => {
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

test('a source over its rate of large replies gets truncated ones, no larger than its queries', async () => {
  const bench = new Bench(new RateLimiter({ rate: 1, burst: 3 }));
  bench.ask(1);
  await bench.finish(EXAMPLE);
  bench.now = 1;
  const replies = bench.askRaw(5);
  const length = query(FIRST_NAME, 'A').length;
  const shown = replies.map((reply) => [
    (reply?.length ?? 0) > length,
    decode(Buffer.from(reply as Uint8Array)).flag_tc,
    decode(Buffer.from(reply as Uint8Array)).answers?.length,
  ]);
  const whole = [true, false, 1];
  const cut = [false, true, 0];
  assert.deepEqual(shown, [whole, whole, cut, cut, cut]);
  const { truncated, limitedReplies, answered } = bench.registry.responder.counts.udp;
  assert.deepEqual([truncated, limitedReplies, answered], [3, 3, 6]);
  bench.now = 1100;
  await bench.finish(EXAMPLE);
  assert.deepEqual(bench.ask(1), ['2.2.2.2'], 'the rate comes back');
});
