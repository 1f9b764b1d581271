import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type BatchImplementation, openBatchSocket } from '../../src/socket/batch-socket.js';
import { loadBinding } from '../../src/socket/binding.js';
import {
  ADDRESS_WORDS,
  createDatagramBatch,
  type DatagramBatch,
  PORT_WORD,
} from '../../src/socket/datagram-batch.js';
import { addressBytes } from '../../src/wire/endpoint.js';
import { until } from './deadline.js';

/** Scenarios of udp-batch-network.test.ts, run in its network; each prints what it saw as JSON. */
const SCENARIOS: Record<string, () => Promise<unknown>> = {
  'asked-address': askedAddress,
  'link-local': linkLocal,
  'full-queue': fullQueue,
  'dgram-queue': dgramQueue,
  'receive-error': receiveError,
  segments,
};

async function askedAddress(): Promise<string[]> {
  await using socket = await listen('::');
  const client = createSocket('udp6').bind(0, '::1');
  await once(client, 'listening');
  const answered: string[] = [];
  for (const asked of ['fd00:9::2', 'fd00:9::3', '::1']) {
    client.send('where?', socket.address.port, asked);
    const [, remote] = await once(client, 'message');
    answered.push(remote.address);
  }
  client.close();
  return answered;
}

/** From the far interface's own address to the near one's: both are link-local, so both need a zone. */
async function linkLocal(): Promise<unknown> {
  await using socket = await listen('::');
  const client = createSocket('udp6').bind(0, `${linkLocalOf('far')}%far`);
  await once(client, 'listening');
  client.send('where?', socket.address.port, `${linkLocalOf('near')}%far`);
  const [message] = await once(client, 'message');
  client.close();
  return { echoed: message.toString() === 'where?', sent: socket.counters.sent };
}

/** Datagrams to a neighbour that never answers stay in the send queue, until it is full. */
async function fullQueue(): Promise<unknown> {
  const native = new (loadBinding().UdpBatch)({
    family: 4,
    address: addressBytes('10.9.0.1'),
    scopeId: 0,
    port: 0,
    receiveBufferBytes: 0,
  });
  const batch = createDatagramBatch(256, 1280);
  const { payload, stride, lengths, addresses } = batch;
  lengths.fill(1200);
  fillDead(batch);
  const sent = native.send(payload, stride, lengths, addresses, 256);
  const next = native.send(payload, stride, lengths, addresses, 256);
  native.close();
  return { attempted: 256, sent, next };
}

/** The same with node:dgram, which itself keeps what the kernel does not take. */
async function dgramQueue(): Promise<unknown> {
  const rounds = 60;
  const socket = await openBatchSocket({
    family: 4,
    address: '10.9.0.1',
    port: 0,
    receiveBufferBytes: 0,
    sendBufferBytes: 4608,
    onBatch: () => {},
    implementation: 'dgram',
  });
  const { outgoing, counters } = socket;
  outgoing.lengths.fill(0); // a classic miss
  fillDead(outgoing);
  let handed = 0;
  for (let round = 0; round < rounds; round++) {
    handed += socket.flush(outgoing.capacity);
    await nextTurn();
  }
  const { sent, sendDrops } = counters;
  await socket.close();
  const attempted = rounds * outgoing.capacity;
  const accounted = counters.sent + counters.sendDrops;
  return { attempted, handed, sent, sendDrops, accounted };
}

/**
 * The kernel's own way to fail a receive: SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY). A port that the kernel
 * chose would be lost with it.
 */
async function receiveError(): Promise<unknown> {
  const port = 5000;
  const told: unknown[] = [];
  await using socket = await openBatchSocket({
    family: 4,
    address: '127.0.0.1',
    port,
    receiveBufferBytes: 0,
    onBatch: () => {},
    onError: (error) => told.push((error as NodeJS.ErrnoException).code),
    implementation: process.argv[3] as BatchImplementation,
  });
  await promisify(execFile)('ss', ['-K', '-aun', 'sport', '=', `:${port}`]);
  await until('the error', () => told.length > 0);
  const client = createSocket('udp4');
  client.send('still there?', port, '127.0.0.1');
  const [message] = await once(client, 'message');
  client.close();
  return { told, errors: socket.counters.errors, echoed: message.toString() };
}

/**
 * Batches of equal datagrams: to where no route leads, then over the loopback with the MTU that is given, with
 * its own, and 1000 batches later.
 */
async function segments(): Promise<unknown> {
  const setMtu = (mtu: string) => promisify(execFile)('ip', ['link', 'set', 'lo', 'mtu', mtu]);
  await setMtu(process.argv[3] ?? '65536');
  const open = () =>
    new (loadBinding().UdpBatch)({
      family: 4,
      address: addressBytes('127.0.0.1'),
      scopeId: 0,
      port: 0,
      receiveBufferBytes: 1 << 20,
      fragments: 1,
      segments: 1,
    });
  const sender = open();
  const sink = open();
  const {
    payload,
    stride,
    lengths,
    addresses,
    addressBytes: bytes,
  } = createDatagramBatch(128, 1000);
  const sendBatch = (to = '127.0.0.1') => {
    const before = messagesSent();
    lengths.fill(1000);
    for (let slot = 0; slot < 128; slot++) {
      bytes.set(addressBytes(to), slot * ADDRESS_WORDS * 4);
      addresses[slot * ADDRESS_WORDS + PORT_WORD] = sink.port;
    }
    const sent = sender.send(payload, stride, lengths, addresses, 128);
    const messages = messagesSent() - before;
    return { sent, arrived: sink.receive(payload, stride, lengths, addresses), messages };
  };
  const unreachable = sendBatch('10.9.9.9');
  const outcome = [unreachable, sendBatch()];
  await setMtu('65536');
  outcome.push(sendBatch());
  for (let i = 0; i < 1000; i++) {
    sender.send(payload, stride, lengths, addresses, 0);
  }
  outcome.push(sendBatch());
  sender.close();
  sink.close();
  return outcome;
}

/** What the kernel counts as sent over UDP in this network: a message of segments is one. */
function messagesSent(): number {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  return Number(values![names!.indexOf('OutDatagrams')]);
}

function fillDead({ addresses, capacity }: DatagramBatch): void {
  for (let slot = 0; slot < capacity; slot++) {
    new Uint8Array(addresses.buffer, slot * ADDRESS_WORDS * 4, 4).set(addressBytes('10.9.0.9'));
    addresses[slot * ADDRESS_WORDS + PORT_WORD] = 9;
  }
}

function listen(address: string) {
  return openBatchSocket({
    family: 6,
    address,
    port: 0,
    receiveBufferBytes: 0,
    onBatch: () => {},
    implementation: 'native',
  });
}

function linkLocalOf(name: string): string {
  const own = networkInterfaces()[name]?.find(({ address }) => address.startsWith('fe80:'));
  if (own === undefined) {
    throw new Error(`${name} has no link-local address`);
  }
  return own.address;
}

const scenario = SCENARIOS[process.argv[2] ?? ''];
if (scenario !== undefined) {
  console.log(JSON.stringify(await scenario()));
}
