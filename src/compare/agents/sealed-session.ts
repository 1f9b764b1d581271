import { Initiation } from '../../sealed/handshake.js';
import type { KeyPair } from '../../sealed/key-pair.js';
import { MessageMacs, writeMac2 } from '../../sealed/mac.js';
import { Transport } from '../../sealed/transport.js';
import { readUint32 } from '../../wire/byte-order.js';
import type { Endpoint } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import {
  MAX_PLAINTEXT_LENGTH,
  MESSAGE,
  MESSAGE_LENGTH,
  messageType,
  NOISE_LENGTH,
  OFFSET,
  writeInitiation,
} from '../../wire/sealed.js';
import { decodeFrame, type Frame } from '../../wire/sealed-frame-reader.js';
import { FrameWriter } from '../../wire/sealed-frame-writer.js';
import { FRAME } from '../../wire/sealed-frames.js';
import { encodeTai64n } from '../../wire/tai64n.js';

/** What sessions from one address and port share. */
export interface CookieHolder {
  readonly serverKey: PublicKey;
  readonly macs: MessageMacs;
  cookie: Uint8Array | undefined;
}

export function cookieHolder(serverKey: PublicKey): CookieHolder {
  return { serverKey, macs: new MessageMacs(serverKey), cookie: undefined };
}

const writer = new FrameWriter();
const plaintext = new Uint8Array(MAX_PLAINTEXT_LENGTH);

/**
 * A peer of the sealed protocol that wants one other, as far as measuring needs one: it takes the
 * server's word for everything and repeats nothing by itself. No socket, no clock but `now`.
 */
export class SealedSession {
  /** What the server says of the wanted peer; undefined until it has said something. */
  answer: { readonly endpoint: Endpoint | undefined } | undefined;
  readonly #keys: KeyPair;
  readonly #wanted: PublicKey;
  readonly #holder: CookieHolder;
  readonly #number: number;
  readonly #bytes = new Uint8Array(MESSAGE_LENGTH.initiation);
  #handshake: Initiation | undefined;
  #transport: Transport | undefined;
  #theirs = 0;

  /** `number` is how the server names the session to us. */
  constructor(keys: KeyPair, wanted: PublicKey, holder: CookieHolder, number: number) {
    this.#keys = keys;
    this.#wanted = wanted;
    this.#holder = holder;
    this.#number = number;
  }

  /** Writes an initiation; its length. */
  begin(out: Uint8Array, at: number, now: number): number {
    const { serverKey, macs } = this.#holder;
    this.#handshake = new Initiation(this.#keys, serverKey, encodeTai64n(now));
    this.#bytes.fill(0);
    writeInitiation(this.#bytes, 0, this.#number, this.#handshake.noise);
    macs.writeMac1(this.#bytes, 0);
    return this.#initiation(out, at);
  }

  /** Writes the request for the wanted peer; its length. */
  want(out: Uint8Array, at: number): number {
    return this.#seal(writer.beginWant(1, 0, 1).addKey(this.#wanted), out, at);
  }

  /** Takes a datagram in and writes what is to be sent for it; its length, 0 for nothing. */
  receive(bytes: Uint8Array, at: number, length: number, out: Uint8Array, outAt: number): number {
    switch (messageType(bytes, at, length)) {
      case MESSAGE.cookie:
        this.#holder.cookie = bytes.slice(at + OFFSET.cookie.cookie, at + OFFSET.cookie.tag);
        return this.#initiation(out, outAt);
      case MESSAGE.response:
        return this.#accept(bytes.subarray(at, at + length)) ? this.want(out, outAt) : 0;
      case MESSAGE.data:
        return this.#takeFrame(this.open(bytes, at, length), out, outAt);
      default:
        return 0;
    }
  }

  /** Opens a data message. */
  open(bytes: Uint8Array, at: number, length: number): Frame | undefined {
    const opened = this.#transport?.open(bytes, at, length, plaintext) ?? -1;
    return opened < 0 ? undefined : decodeFrame(plaintext.subarray(0, opened));
  }

  #initiation(out: Uint8Array, at: number): number {
    const { cookie } = this.#holder;
    if (cookie !== undefined) {
      writeMac2(this.#bytes, 0, cookie);
    }
    out.set(this.#bytes, at);
    return this.#bytes.length;
  }

  #accept(response: Uint8Array): boolean {
    const accepted = this.#handshake?.accept(
      response.subarray(OFFSET.response.noise, OFFSET.response.noise + NOISE_LENGTH.response),
    );
    if (accepted === undefined || accepted.payload[0] !== 0) {
      return false;
    }
    this.#theirs = readUint32(response, OFFSET.response.sender);
    this.#transport = new Transport(accepted.keys);
    return true;
  }

  #takeFrame(frame: Frame | undefined, out: Uint8Array, at: number): number {
    if (frame?.kind !== FRAME.peers) {
      return 0;
    }
    this.answer = { endpoint: frame.entries.at(-1)?.ipv4 };
    const counter = (this.#transport as Transport).lastCounter;
    return frame.push ? this.#seal(writer.begin(FRAME.ack).addCounter(counter), out, at) : 0;
  }

  #seal({ bytes, length }: FrameWriter, out: Uint8Array, at: number): number {
    return this.#transport?.seal(this.#theirs, bytes, length, out, at) ?? 0;
  }
}
