import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { placeOf } from '../server/sealed-clients.js';
import { startProgram } from '../server/subject.js';
import { DIRECT, type Relay } from './subjects.js';

const PORT = 45_200;
const MAGIC = 0x2112a442;
const CHANNEL = 0x4000;
const REQUEST = { allocate: 0x0003, channelBind: 0x0009 } as const;
const SUCCESS = 0x0100;
const ATTRIBUTE = { peer: 0x0012, transport: 0x0019, channel: 0x000c } as const;
const UDP = 17;
const DEADLINE_MS = 5000;

/**
 * coturn (Debian), as a TURN relay (RFC 8656) without authentication. A has an allocation and sends by a
 * channel to B: four bytes before each datagram, which coturn takes off.
 */
export async function startTurn(): Promise<Relay> {
  const server = await startProgram(
    '/bin/sh',
    // coturn says nothing on its standard output when it is ready.
    [
      '-c',
      'echo; exec turnserver -c /dev/null --no-auth --no-tls --no-dtls --no-cli --no-tcp --allow-loopback-peers ' +
        `--listening-ip 127.0.0.1 --relay-ip 127.0.0.1 -p ${PORT} --no-stdout-log --log-file /dev/null ` +
        '--pidfile "" --no-rfc5780 --no-software-attribute --relay-threads 1 >/dev/null',
    ],
    PORT,
  );
  const [a, b] = [placeOf(0), placeOf(4)];
  const socket = createSocket('udp4');
  socket.bind(a.port, a.address);
  await once(socket, 'listening');
  try {
    const transport = Buffer.from([UDP, 0, 0, 0]);
    await exchange(socket, REQUEST.allocate, attribute(ATTRIBUTE.transport, transport));
    const channel = Buffer.alloc(4);
    channel.writeUInt16BE(CHANNEL);
    await exchange(
      socket,
      REQUEST.channelBind,
      Buffer.concat([
        attribute(ATTRIBUTE.channel, channel),
        attribute(ATTRIBUTE.peer, xorAddress(b.address, b.port)),
      ]),
    );
  } finally {
    socket.close();
    await once(socket, 'close');
  }
  return {
    name: 'coturn',
    route: { ...DIRECT, to: `127.0.0.1:${PORT}`, prefix: '4000LLLL' },
    direct: DIRECT,
    cpuSeconds: () => server.cpuSeconds(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The prefix of datagrams of so many bytes: channel and length (RFC 8656 section 12.4). */
export function channelPrefix(bytes: number): string {
  return CHANNEL.toString(16) + bytes.toString(16).padStart(4, '0');
}

/** Sends a STUN request until there is an answer, which has to be a success. */
async function exchange(socket: Socket, type: number, attributes: Buffer): Promise<void> {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(type);
  head.writeUInt16BE(attributes.length, 2);
  head.writeUInt32BE(MAGIC, 4);
  const request = Buffer.concat([head, randomBytes(12), attributes]);
  const answer = once(socket, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) });
  let isAnswered = false;
  const sending = (async () => {
    while (!isAnswered) {
      socket.send(request, PORT, '127.0.0.1');
      await delay(200);
    }
  })();
  try {
    const [message] = (await answer) as [Buffer];
    if (message.readUInt16BE() !== (type | SUCCESS)) {
      throw new Error(`coturn refuses request ${type}: ${message.toString('hex')}`);
    }
  } finally {
    isAnswered = true;
    await sending;
  }
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
}

/** XOR-MAPPED-ADDRESS's form (RFC 8489 section 14.2). */
function xorAddress(address: string, port: number): Buffer {
  const value = Buffer.from([0, 1, 0, 0, ...address.split('.').map(Number)]);
  value.writeUInt16BE(port ^ (MAGIC >>> 16), 2);
  value.writeUInt32BE((value.readUInt32BE(4) ^ MAGIC) >>> 0, 4);
  return value;
}
