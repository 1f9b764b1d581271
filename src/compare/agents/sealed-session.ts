import { Initiation } from '../../sealed/initiation.js';
import type { KeyPair } from '../../sealed/key-pair.js';
import { MessageMacs } from '../../sealed/mac.js';
import type { Transport } from '../../sealed/transport.js';
import type { Endpoint } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import { MAX_PLAINTEXT_LENGTH, MESSAGE, messageType } from '../../wire/sealed.js';
import { decodeSealedFrame, type SealedFrame } from '../../wire/sealed-frame-reader.js';
import { FrameWriter } from '../../wire/sealed-frame-writer.js';
import { FRAME } from '../../wire/sealed-frames.js';
import { encodeTai64n } from '../../wire/tai64n.js';

/** The state that all sessions from one address and port share. */
export interface CookieHolder {
  readonly macs: MessageMacs;
  cookie: Uint8Array | undefined;
}

export function cookieHolder(serverKey: PublicKey): CookieHolder {
  return { macs: new MessageMacs(serverKey), cookie: undefined };
}

const writer = new FrameWriter();
const plaintext = new Uint8Array(MAX_PLAINTEXT_LENGTH);
const NOTHING = new Uint8Array(0);

/**
 * A minimal peer of the sealed protocol that wants one other peer, for measurements. It trusts the server
 * and retransmits nothing by itself. Has no socket, and no clock except `now`.
 */
export class SealedSession {
  /** The server's answer about the wanted peer; undefined before the first answer. */
  answer: { readonly endpoint: Endpoint | undefined } | undefined;
  readonly #keys: KeyPair;
  readonly #wanted: PublicKey;
  readonly #holder: CookieHolder;
  readonly #localIndex: number;
  #initiation: Initiation | undefined;
  #transport: Transport | undefined;
  #remoteIndex = 0;

  /** @param localIndex by which the server names the session to us */
  constructor(keys: KeyPair, wanted: PublicKey, holder: CookieHolder, localIndex: number) {
    this.#keys = keys;
    this.#wanted = wanted;
    this.#holder = holder;
    this.#localIndex = localIndex;
  }

  /** Writes an initiation. Returns its length. */
  begin(out: Uint8Array, at: number, now: number): number {
    const { macs } = this.#holder;
    this.#initiation = new Initiation(this.#keys, macs, this.#localIndex, encodeTai64n(now));
    return this.#initiate(out, at);
  }

  /** Writes the request for the wanted peer. Returns its length. */
  want(out: Uint8Array, at: number): number {
    return this.#seal(writer.beginWant(1, 0, 1).addKey(this.#wanted), out, at);
  }

  /** Processes a datagram and writes the reply to it. Returns its length; 0 for no reply. */
  receive(bytes: Uint8Array, at: number, length: number, out: Uint8Array, outAt: number): number {
    switch (messageType(bytes, at, length)) {
      case MESSAGE.cookie:
        this.#holder.cookie = this.#initiation?.readCookie(bytes.subarray(at, at + length));
        return this.#holder.cookie === undefined ? 0 : this.#initiate(out, outAt);
      case MESSAGE.response:
        return this.#accept(bytes.subarray(at, at + length)) ? this.want(out, outAt) : 0;
      case MESSAGE.data:
        return this.#takeFrame(this.open(bytes, at, length), out, outAt);
      default:
        return 0;
    }
  }

  /** Opens a data message. */
  open(bytes: Uint8Array, at: number, length: number): SealedFrame | undefined {
    const opened = this.#transport?.open(bytes, at, length, plaintext) ?? -1;
    return opened < 0 ? undefined : decodeSealedFrame(plaintext.subarray(0, opened));
  }

  #initiate(out: Uint8Array, at: number): number {
    const message = this.#initiation?.encode(this.#holder.cookie) ?? NOTHING;
    out.set(message, at);
    return message.length;
  }

  #accept(response: Uint8Array): boolean {
    const accepted = this.#initiation?.accept(response);
    if (accepted?.transport === undefined) {
      return false;
    }
    this.#remoteIndex = accepted.remoteIndex;
    this.#transport = accepted.transport;
    return true;
  }

  #takeFrame(frame: SealedFrame | undefined, out: Uint8Array, at: number): number {
    if (frame?.kind !== FRAME.peers) {
      return 0;
    }
    this.answer = { endpoint: frame.entries.at(-1)?.ipv4 };
    const counter = (this.#transport as Transport).lastCounter;
    return frame.push ? this.#seal(writer.begin(FRAME.ack).addCounter(counter), out, at) : 0;
  }

  #seal({ bytes, length }: FrameWriter, out: Uint8Array, at: number): number {
    return this.#transport?.seal(this.#remoteIndex, bytes, length, out, at) ?? 0;
  }
}
