import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Initiation } from '../../src/sealed/handshake.js';
import { generateKeyPair, type KeyPair } from '../../src/sealed/key-pair.js';
import { type MessageMacs, writeMac2 } from '../../src/sealed/mac.js';
import { Transport } from '../../src/sealed/transport.js';
import { readUint32 } from '../../src/wire/byte-order.js';
import type { PublicKey } from '../../src/wire/key.js';
import {
  MAX_MESSAGE_LENGTH,
  MESSAGE,
  MESSAGE_LENGTH,
  messageType,
  OFFSET,
  writeInitiation,
} from '../../src/wire/sealed.js';
import { FrameWriter } from '../../src/wire/sealed-frame-writer.js';
import { encodeTai64n } from '../../src/wire/tai64n.js';

/** As native/replay.cc has it. */
export const SOCKETS = 4;
export const FIRST_PORT = 21_000;

const DEADLINE_MS = 10_000;

/** Address and port of a source. */
export function placeOf(source: number): { readonly address: string; readonly port: number } {
  return {
    address: `127.0.1.${1 + Math.floor(source / SOCKETS)}`,
    port: FIRST_PORT + (source % SOCKETS),
  };
}

/** A client of the server under measurement, as far as its datagrams can be made in advance. */
export class BenchClient {
  readonly keys: KeyPair = generateKeyPair();
  private readonly writer = new FrameWriter();
  private readonly message = new Uint8Array(MAX_MESSAGE_LENGTH);
  private transport: Transport | undefined;
  private theirs = 0;

  constructor(
    readonly source: number,
    private readonly server: PublicKey,
    private readonly macs: MessageMacs,
  ) {}

  /** Asks for a cookie, has a handshake, and registers by wanting peers. Returns the cookie. */
  async register(port: number, wanted: readonly PublicKey[]): Promise<Uint8Array> {
    const socket = createSocket('udp4');
    const place = placeOf(this.source);
    socket.bind(place.port, place.address);
    await once(socket, 'listening');
    try {
      const { bytes } = this.initiation(undefined);
      const cookie = await ask(socket, port, bytes);
      const value = cookie.slice(OFFSET.cookie.cookie, OFFSET.cookie.tag);
      const second = this.initiation(value);
      const response = await ask(socket, port, second.bytes);
      const accepted = second.handshake.accept(response.subarray(OFFSET.response.noise));
      if (accepted === undefined || accepted.payload[0] !== 0) {
        throw new Error('the server does not let a client in');
      }
      this.theirs = readUint32(response, OFFSET.response.sender);
      this.transport = new Transport(accepted.keys);
      const reply = await ask(socket, port, this.want(wanted));
      if (messageType(reply, 0, reply.length) !== MESSAGE.data) {
        throw new Error('the server does not answer');
      }
      return value;
    } finally {
      socket.close();
      await once(socket, 'close');
    }
  }

  /** The next request of the session: a view that is good until the one after. */
  want(wanted: readonly PublicKey[]): Uint8Array {
    this.writer.beginWant(1, 0, 1);
    for (const key of wanted) {
      this.writer.addKey(key);
    }
    const { bytes, length } = this.writer;
    const transport = this.transport as Transport;
    return this.message.subarray(0, transport.seal(this.theirs, bytes, length, this.message, 0));
  }

  /** An initiation, with the cookie of the place it is to be sent from. */
  initiation(cookie: Uint8Array | undefined) {
    const timestamp = encodeTai64n(performance.timeOrigin + performance.now());
    const handshake = new Initiation(this.keys, this.server, timestamp);
    const bytes = new Uint8Array(MESSAGE_LENGTH.initiation);
    writeInitiation(bytes, 0, this.source, handshake.noise);
    this.macs.writeMac1(bytes, 0);
    if (cookie !== undefined) {
      writeMac2(bytes, 0, cookie);
    }
    return { bytes, handshake };
  }
}

async function ask(socket: Socket, port: number, request: Uint8Array): Promise<Uint8Array> {
  const answer = once(socket, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) });
  socket.send(request, port, '127.0.0.1');
  return ((await answer) as [Uint8Array])[0];
}
