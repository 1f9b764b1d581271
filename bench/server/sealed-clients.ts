import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeBindMac } from '../../src/sealed/bind-mac.js';
import { Initiation } from '../../src/sealed/initiation.js';
import { generateKeyPair, type KeyPair } from '../../src/sealed/key-pair.js';
import type { MessageMacs } from '../../src/sealed/mac.js';
import type { Transport } from '../../src/sealed/transport.js';
import type { PublicKey } from '../../src/wire/key.js';
import {
  BIND_LENGTH,
  BIND_OFFSET,
  BINDING,
  readBindingState,
  writeBind,
} from '../../src/wire/relay.js';
import {
  MAX_MESSAGE_LENGTH,
  MAX_PLAINTEXT_LENGTH,
  MESSAGE,
  messageType,
} from '../../src/wire/sealed.js';
import { decodeSealedFrame, type RelayOffer } from '../../src/wire/sealed-frame-reader.js';
import { FrameWriter } from '../../src/wire/sealed-frame-writer.js';
import { FRAME } from '../../src/wire/sealed-frames.js';
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
  private remoteIndex = 0;

  constructor(
    readonly source: number,
    private readonly macs: MessageMacs,
  ) {}

  /** Asks for a cookie, has a handshake, and registers by wanting peers. Returns the cookie. */
  async register(port: number, wanted: readonly PublicKey[]): Promise<Uint8Array> {
    return atPlace(this.source, async (socket) => {
      const initiation = this.begin();
      const cookie = initiation.readCookie(await ask(socket, port, initiation.encode(undefined)));
      const accepted = initiation.accept(await ask(socket, port, initiation.encode(cookie)));
      if (cookie === undefined || accepted?.transport === undefined) {
        throw new Error('the server does not let a client in');
      }
      this.remoteIndex = accepted.remoteIndex;
      this.transport = accepted.transport;
      const reply = await ask(socket, port, this.want(wanted));
      if (messageType(reply, 0, reply.length) !== MESSAGE.data) {
        throw new Error('the server does not answer');
      }
      return cookie;
    });
  }

  /**
   * Asks for a relay to a peer, after register(), from the same place.
   * @returns undefined where the server gives none yet
   */
  async askRelay(port: number, peer: PublicKey): Promise<RelayOffer | undefined> {
    return atPlace(this.source, async (socket) => {
      const { bytes, length } = this.writer.begin(FRAME.relay).addKey(peer);
      const transport = this.transport as Transport;
      const sealed = transport.seal(this.remoteIndex, bytes, length, this.message, 0);
      const reply = await ask(socket, port, this.message.subarray(0, sealed));
      const plaintext = new Uint8Array(MAX_PLAINTEXT_LENGTH);
      const opened = transport.open(reply, 0, reply.length, plaintext);
      const frame = opened < 0 ? undefined : decodeSealedFrame(plaintext.subarray(0, opened));
      return frame?.kind === FRAME.peers ? frame.entries[0]?.relay : undefined;
    });
  }

  /** Binds its place to the relay port of an offer. */
  async bind({ port, id, key }: RelayOffer): Promise<void> {
    await atPlace(this.source, async (socket) => {
      const message = new Uint8Array(BIND_LENGTH);
      for (let counter = 1; readBindingState(message, 0) === BINDING.challenged; counter++) {
        const token = message.slice(BIND_OFFSET.token, BIND_OFFSET.mac);
        writeBind(message, 0, id, counter);
        message.set(token, BIND_OFFSET.token);
        writeBindMac(message, 0, key);
        message.set(await ask(socket, port, message));
      }
    });
  }

  /** The next request of the session: a view that is good until the one after. */
  want(wanted: readonly PublicKey[]): Uint8Array {
    this.writer.beginWant(1, 0, 1);
    for (const key of wanted) {
      this.writer.addKey(key);
    }
    const { bytes, length } = this.writer;
    const transport = this.transport as Transport;
    return this.message.subarray(
      0,
      transport.seal(this.remoteIndex, bytes, length, this.message, 0),
    );
  }

  /** An initiation, with the cookie of the place it is to be sent from. */
  initiation(cookie: Uint8Array | undefined): Uint8Array {
    return this.begin().encode(cookie);
  }

  private begin(): Initiation {
    const timestamp = encodeTai64n(performance.timeOrigin + performance.now());
    return new Initiation(this.keys, this.macs, this.source, timestamp);
  }
}

/** Runs with a socket that is bound to the place of a source. */
async function atPlace<T>(source: number, run: (socket: Socket) => Promise<T>): Promise<T> {
  const socket = createSocket('udp4');
  const place = placeOf(source);
  socket.bind(place.port, place.address);
  await once(socket, 'listening');
  try {
    return await run(socket);
  } finally {
    socket.close();
    await once(socket, 'close');
  }
}

async function ask(socket: Socket, port: number, request: Uint8Array): Promise<Uint8Array> {
  const answer = once(socket, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) });
  socket.send(request, port, '127.0.0.1');
  return ((await answer) as [Uint8Array])[0];
}
