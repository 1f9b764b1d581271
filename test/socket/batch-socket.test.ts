import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import {
  type BatchImplementation,
  type BatchSocketOptions,
  openBatchSocket,
} from '../../src/socket/batch-socket.js';
import { ADDRESS_WORDS, NO_REPLY, PORT_WORD } from '../../src/socket/datagram-batch.js';
import { evaluate, runNode } from '../native/child.js';
import { until } from '../native/deadline.js';
import { BurstSender } from './udp-burst.js';

const RECEIVE_BUFFER_BYTES = 4 << 20;
const STRIDE = 1280;
const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;

/** What the implementations promise differently. */
const TRAITS = {
  native: { answersFromAskedAddress: true, countsKernelDrops: true, drainLimit: 16 * 4 },
  // dgram reads up to 32 datagrams a turn of the loop, and two turns count as one.
  dgram: { answersFromAskedAddress: false, countsKernelDrops: false, drainLimit: 16 * 2 * 32 },
} as const;

for (const implementation of ['native', 'dgram'] as const) {
  const traits = TRAITS[implementation];

  describe(`batch socket (${implementation})`, () => {
    for (const family of [4, 6] as const) {
      it(`echoes datagrams of every length over IPv${family}, and reports those that did not fit`, async () => {
        let cut = 0;
        await using socket = await open(implementation, {
          family,
          address: LOOPBACK[family],
          onBatch: ({ lengths, stride }, count) => {
            for (let i = 0; i < count; i++) {
              if ((lengths[i] as number) > stride) {
                assert.equal(lengths[i], stride + 1);
                cut++;
              }
            }
          },
        });
        const client = await connect(family, socket.address.address, socket.address.port);
        const echoed = new Map<number, Buffer>();
        client.on('message', (message) => echoed.set(message.length, message));
        for (let length = 0; length <= STRIDE; length++) {
          client.send(patterned(length));
          await until(`the echo of ${length} bytes`, () => echoed.has(length));
          assert.deepEqual(echoed.get(length), patterned(length));
        }
        for (const length of [STRIDE + 1, STRIDE + 2, 9000]) {
          client.send(patterned(length));
        }
        await until('what is too long', () => cut === 3);
        client.send(patterned(1));
        await until('a last echo', () => socket.counters.sent === STRIDE + 2);
        assert.equal(echoed.size, STRIDE + 1);
        assert.equal(socket.counters.sendDrops, 0);
        client.close();
      });
    }

    it(`answers ${traits.answersFromAskedAddress ? '' : 'not '}from the address that the request was sent to`, async () => {
      await using socket = await open(implementation, { address: '0.0.0.0' });
      const client = createSocket('udp4').bind(0, '127.0.0.1');
      await once(client, 'listening');
      for (const asked of ['127.0.0.2', '127.0.0.3', '127.0.0.1']) {
        client.send('where?', socket.address.port, asked);
        const [, remote] = await once(client, 'message');
        const expected = traits.answersFromAskedAddress ? asked : '127.0.0.1';
        assert.deepEqual([remote.address, remote.port], [expected, socket.address.port]);
      }
      client.close();
    });

    it('gives remote and local addresses of a slot', async () => {
      const seen: number[][] = [];
      await using socket = await open(implementation, {
        onBatch: ({ addresses }) => seen.push([...addresses.subarray(0, ADDRESS_WORDS)]),
      });
      using sender = new BurstSender('127.0.0.1');
      sender.burst(socket.address, 1);
      await until('a batch', () => seen.length > 0);
      const word = new Uint32Array(Uint8Array.of(127, 0, 0, 1).buffer)[0] as number;
      const local = traits.answersFromAskedAddress ? word : 0;
      assert.deepEqual(seen, [[word, 0, 0, 0, sender.port, local, 0, 0, 0, 0]]);
    });

    it('gives others their turn after a bounded number of batches', async () => {
      const perTurn: number[] = [0];
      let closed = false;
      const nextTurn = () => {
        perTurn.push(0);
        if (!closed) {
          setImmediate(nextTurn);
        }
      };
      await using socket = await open(implementation, {
        capacity: 4,
        onBatch: () => {
          perTurn[perTurn.length - 1] = (perTurn.at(-1) as number) + 1;
        },
      });
      using sender = new BurstSender('127.0.0.1');
      sender.burst(socket.address, 256);
      setImmediate(nextTurn);
      await until('all', () => socket.counters.received === 256);
      closed = true;
      assert.ok(socket.counters.batches >= 64, `${socket.counters.batches} batches of 4`);
      assert.ok(Math.max(...perTurn) <= 16, `${Math.max(...perTurn)} batches in one turn`);
      assert.equal(
        socket.counters.batchSizes.reduce((sum, batches) => sum + batches),
        socket.counters.batches,
      );
    });

    it(`${traits.countsKernelDrops ? 'counts' : 'does not know'} datagrams that the kernel dropped`, async () => {
      await using socket = await open(implementation, { receiveBufferBytes: 4608 });
      using sender = new BurstSender('127.0.0.1');
      for (let round = 1; round <= 2; round++) {
        sender.burst(socket.address, 500);
        const { counters } = socket;
        if (traits.countsKernelDrops) {
          await until('all to be accounted for', () => {
            return counters.received + counters.kernelDrops === 500 * round;
          });
          assert.ok(counters.kernelDrops > 0);
        } else {
          await until('some', () => counters.received > 0);
          assert.equal(counters.kernelDrops, 0);
        }
      }
    });

    it('counts replies that cannot be sent, and sends the others', async () => {
      const refused = new Set([1, 2, 5]);
      await using socket = await open(implementation, {
        onBatch: ({ payloadWords, stride, lengths, addresses }, count) => {
          for (let i = 0; i < count; i++) {
            const number = payloadWords[(i * stride) / 4] as number;
            if (refused.has(number)) {
              // To the broadcast address: EACCES, because SO_BROADCAST is off.
              addresses[i * ADDRESS_WORDS] = 0xffffffff;
            } else if (number === 6) {
              addresses[i * ADDRESS_WORDS + PORT_WORD] = 0;
            } else if (number === 7) {
              lengths[i] = NO_REPLY;
            } else if (number === 8) {
              lengths[i] = stride + 1;
            }
          }
        },
      });
      using sender = new BurstSender('127.0.0.1');
      sender.burst(socket.address, 10);
      await until('all', () => socket.counters.sent + socket.counters.sendDrops === 8);
      assert.equal(socket.counters.sendDrops, 4);
      assert.deepEqual(sender.echoes(), [0, 3, 4, 9]);
    });

    it('sends datagrams that are no reply, to and from the addresses of a slot', async () => {
      const addresses: Uint32Array[] = [];
      await using socket = await open(implementation, {
        address: '0.0.0.0',
        onBatch: (batch) => {
          addresses.push(batch.addresses.slice(0, ADDRESS_WORDS));
          batch.lengths[0] = NO_REPLY;
        },
      });
      const client = createSocket('udp4').bind(0, '127.0.0.1');
      await once(client, 'listening');
      client.send('here', socket.address.port, '127.0.0.2');
      await until('the address', () => addresses.length === 1);
      const { payload, stride, lengths, addresses: outgoing } = socket.outgoing;
      for (const [slot, text] of ['first', '', 'third'].entries()) {
        payload.set(Buffer.from(text), slot * stride);
        lengths[slot] = text.length;
        outgoing.set(addresses[0] as Uint32Array, slot * ADDRESS_WORDS);
      }
      lengths[1] = NO_REPLY;
      const heard: string[] = [];
      client.on('message', (message, { address }) => heard.push(`${message} from ${address}`));
      assert.equal(socket.flush(3), 2);
      await until('both', () => heard.length === 2);
      const from = traits.answersFromAskedAddress ? '127.0.0.2' : '127.0.0.1';
      assert.deepEqual(heard, [`first from ${from}`, `third from ${from}`]);
      assert.deepEqual([socket.counters.sent, socket.counters.sendDrops], [2, 0]);
      client.close();
    });

    it('sends from within a batch as well, without a change to its replies', async () => {
      await using socket = await open(implementation, {
        capacity: 8,
        onBatch: ({ addresses }, count) => {
          const { outgoing } = socket;
          outgoing.addresses.set(addresses.subarray(0, count * ADDRESS_WORDS));
          outgoing.lengths.fill(4);
          for (let slot = 0; slot < count; slot++) {
            outgoing.payloadWords[(slot * outgoing.stride) / 4] = 1000;
          }
          assert.equal(socket.flush(count), count);
        },
      });
      using sender = new BurstSender('127.0.0.1');
      sender.burst(socket.address, 20);
      await until('all', () => socket.counters.sent === 40);
      const echoes = sender.echoes();
      assert.equal(echoes.filter((number) => number === 1000).length, 20);
      assert.deepEqual(
        echoes.filter((number) => number !== 1000),
        Array.from({ length: 20 }, (_, i) => i),
      );
    });

    it('drops and counts datagrams that cannot be sent, and all after the close', async () => {
      const socket = await open(implementation, { capacity: 4 });
      using receiver = new BurstSender('127.0.0.1');
      const { lengths, addresses, payloadWords, stride } = socket.outgoing;
      const port = receiver.port;
      for (const [slot, to] of [port, 0, port + 65_536, port].entries()) {
        payloadWords[(slot * stride) / 4] = slot;
        lengths[slot] = 4;
        const bytes = new Uint8Array(addresses.buffer, slot * ADDRESS_WORDS * 4, 4);
        bytes.set([127, 0, 0, 1]);
        addresses[slot * ADDRESS_WORDS + PORT_WORD] = to;
      }
      assert.equal(socket.flush(4), 2);
      await until('all', () => socket.counters.sent + socket.counters.sendDrops === 4);
      assert.equal(socket.counters.sent, 2);
      assert.deepEqual(receiver.echoes(), [0, 3]);
      for (const count of [-1, 5, 1.5, Number.NaN]) {
        assert.throws(() => socket.flush(count), RangeError);
      }
      await socket.close();
      assert.equal(socket.flush(4), 0);
      assert.equal(socket.counters.sendDrops, 6);
    });

    it('answers datagrams from before its close', async () => {
      const socket = await open(implementation, {});
      using sender = new BurstSender('127.0.0.1');
      sender.burst(socket.address, 100);
      const closed = socket.close();
      assert.equal(socket.close(), closed);
      await closed;
      assert.equal(sender.echoes().length, 100);
      assert.equal(socket.counters.sent, 100);
      await assert.doesNotReject(open(implementation, { port: socket.address.port }).then(close));
    });

    it('closes in bounded time however much keeps coming', async () => {
      using sender = new BurstSender('127.0.0.1');
      const socket = await open(implementation, {
        capacity: 4,
        onBatch: (_batch, count) => sender.burst(socket.address, 2 * count),
      });
      sender.burst(socket.address, 100);
      await socket.close();
      assert.ok(socket.counters.received <= traits.drainLimit, `${socket.counters.received}`);
      assert.equal(socket.counters.sent, socket.counters.received);
    });

    it('can be closed while it handles a batch, which is answered', async () => {
      let closed: Promise<void> | undefined;
      const socket = await open(implementation, {
        capacity: 8,
        onBatch: () => {
          closed ??= socket.close();
        },
      });
      using sender = new BurstSender('127.0.0.1');
      sender.burst(socket.address, 20);
      await until('the close', () => closed !== undefined);
      await closed;
      assert.deepEqual(
        sender.echoes(),
        Array.from({ length: 20 }, (_, i) => i),
      );
    });

    it('closes once for several callers, also from within its last batch', async () => {
      let again: Promise<void> | undefined;
      const socket = await open(implementation, {
        onBatch: () => {
          again = socket.close();
        },
      });
      using sender = new BurstSender('127.0.0.1');
      sender.burst(socket.address, 1);
      const closed = socket.close();
      await closed;
      assert.equal(again, closed);
    });

    it('serves IPv4 and IPv6 on the same port as two sockets', async () => {
      await using v4 = await open(implementation, { address: '0.0.0.0' });
      const { port } = v4.address;
      await using v6 = await open(implementation, { family: 6, address: '::', port });
      using sender4 = new BurstSender('127.0.0.1');
      using sender6 = new BurstSender('::1');
      sender4.burst({ address: '127.0.0.1', port, family: 4 }, 3);
      sender6.burst({ address: '::1', port, family: 6 }, 5);
      await until('all', () => v4.counters.sent + v6.counters.sent === 8);
      assert.equal(v4.counters.received, 3);
      assert.equal(v6.counters.received, 5);
      assert.deepEqual([sender4.echoes().length, sender6.echoes().length], [3, 5]);
    });

    it("rejects an address that cannot be bound with the system's error", async () => {
      await using taken = await open(implementation, {});
      const { port } = taken.address;
      await assert.rejects(open(implementation, { port }), { code: 'EADDRINUSE' });
      const absent = { address: '192.0.2.1' };
      await assert.rejects(open(implementation, absent), { code: 'EADDRNOTAVAIL' });
    });

    it('lets the process end when unref', async () => {
      const outcome = await runNode(
        evaluate(`
          import { openBatchSocket } from '../../src/socket/batch-socket.js';
          const socket = await openBatchSocket({ family: 4, address: '127.0.0.1', port: 0,
            receiveBufferBytes: 0, onBatch() {}, implementation: '${implementation}' });
          socket.unref().ref();
          setTimeout(() => { console.log('kept'); socket.unref(); }, 20).unref();
        `),
      );
      assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'kept\n', stderr: '' });
    });

    it('lets an exception of the handler become an uncaughtException, and goes on', async () => {
      const outcome = await runNode(
        evaluate(`
          import { openBatchSocket } from '../../src/socket/batch-socket.js';
          import { createSocket } from 'node:dgram';
          const client = createSocket('udp4');
          let calls = 0;
          const socket = await openBatchSocket({ family: 4, address: '127.0.0.1', port: 0,
            receiveBufferBytes: 0, implementation: '${implementation}',
            onBatch() { calls++; if (calls === 1) { throw new Error('first'); } } });
          const ask = () => client.send('x', socket.address.port, '127.0.0.1');
          process.on('uncaughtException', (error) => { console.log(error.message); ask(); });
          client.on('message', () => { console.log('echo'); client.close(); socket.close(); });
          ask();
        `),
      );
      assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'first\necho\n', stderr: '' });
    });
  });
}

function open(implementation: BatchImplementation, options: Partial<BatchSocketOptions>) {
  return openBatchSocket({
    family: 4,
    address: '127.0.0.1',
    port: 0,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    onBatch: () => {},
    stride: STRIDE,
    ...options,
    implementation,
  });
}

function close(socket: { close(): Promise<void> }): Promise<void> {
  return socket.close();
}

async function connect(family: 4 | 6, address: string, port: number) {
  const client = createSocket(family === 4 ? 'udp4' : 'udp6');
  client.connect(port, address);
  await once(client, 'connect');
  return client;
}

function patterned(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7 + length) & 0xff));
}
