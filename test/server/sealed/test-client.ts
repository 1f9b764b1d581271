import { Initiation } from '../../../src/sealed/initiation.js';
import { generateKeyPair, type KeyPair } from '../../../src/sealed/key-pair.js';
import { MessageMacs } from '../../../src/sealed/mac.js';
import type { Transport } from '../../../src/sealed/transport.js';
import { endpoint, formatEndpoint } from '../../../src/wire/endpoint.js';
import type { PublicKey } from '../../../src/wire/key.js';
import { MAX_PLAINTEXT_LENGTH, MESSAGE, messageType } from '../../../src/wire/sealed.js';
import {
  decodeSealedFrame,
  type PeerEntry,
  type SealedFrame,
} from '../../../src/wire/sealed-frame-reader.js';
import { FrameWriter } from '../../../src/wire/sealed-frame-writer.js';
import { FRAME, INITIATION_COUNTER, splitWantList } from '../../../src/wire/sealed-frames.js';
import type { ResponsePayload } from '../../../src/wire/sealed-response.js';
import { encodeTai64n } from '../../../src/wire/tai64n.js';
import type { Sent } from './sealed-rendezvous.js';

/** The server's key, and the world in which it is reached; a client without one is moved by its test. */
interface World {
  readonly key: { readonly publicKey: PublicKey };
  ask?(from: string, port: number, payload: Uint8Array): Uint8Array | undefined;
  takeSent?(to: string): Sent[];
}

let lastTimestamp = 1_700_000_000_000;
let lastIndex = 0;

/** One that speaks the sealed protocol, without sockets and without patience. */
export class TestClient {
  readonly keys: KeyPair;
  readonly macs: MessageMacs;
  cookie: Uint8Array | undefined;
  /** The server's index of the session. */
  remoteIndex = 0;
  transport: Transport | undefined;
  /** What the server said last in a response. */
  status: ResponsePayload | undefined;
  /** The latest initiation that was sent, and the handshake it belongs to. */
  initiation = new Uint8Array(0);
  /** The version of its want list. */
  version = 0;
  private handshake: Initiation | undefined;
  private readonly writer = new FrameWriter();

  constructor(
    readonly world: World,
    public address: string,
    public port = 51820,
    keys: KeyPair = generateKeyPair(),
  ) {
    this.keys = keys;
    this.macs = new MessageMacs(world.key.publicKey);
  }

  get publicKey(): PublicKey {
    return this.keys.publicKey;
  }

  /** Where it sends from, as the server discloses it. */
  get endpoint(): string {
    return formatEndpoint(endpoint(this.address, this.port));
  }

  /** An initiation with mac2, if there is a cookie. */
  makeInitiation(timestampMs = ++lastTimestamp): Uint8Array {
    const timestamp = encodeTai64n(timestampMs);
    this.handshake = new Initiation(this.keys, this.macs, ++lastIndex, timestamp);
    this.initiation = this.handshake.encode(this.cookie).slice();
    return this.initiation;
  }

  /**
   * An initiation with the first part of a want list, and mac2.
   * @param inside the cookie in its payload
   */
  makeEarly(keys: readonly PublicKey[], inside = this.cookie!, parts = 1): Uint8Array {
    this.writer.beginWant(1, 0, parts);
    for (const key of keys) {
      this.writer.addKey(key);
    }
    const want = this.writer.bytes.slice(0, this.writer.length);
    const timestamp = encodeTai64n(++lastTimestamp);
    const early = { cookie: inside, want };
    this.handshake = new Initiation(this.keys, this.macs, ++lastIndex, timestamp, early);
    this.initiation = this.handshake.encode(this.cookie).slice();
    return this.initiation;
  }

  /**
   * A handshake with the want list in it, up to the response and what came behind it.
   * @returns undefined when the server does not take in the list
   */
  connectEarly(...keys: readonly PublicKey[]): readonly PeerEntry[] | undefined {
    this.getCookie();
    return this.takeEarlyAnswer(this.ask(this.makeEarly(keys)));
  }

  /** Takes in what the server answers to an initiation with a want list. */
  takeEarlyAnswer(inPlace: Uint8Array | undefined): readonly PeerEntry[] | undefined {
    const [response, ...others] = this.world.takeSent?.(this.endpoint) ?? [];
    if (!this.accept(inPlace ?? response?.payload) || this.status?.tookWant !== true) {
      return undefined;
    }
    this.version = 1;
    return others.flatMap(({ payload }) => {
      const frame = this.open(payload);
      return frame?.kind === FRAME.peers && frame.counter === INITIATION_COUNTER
        ? frame.entries
        : [];
    });
  }

  /** Sends a datagram from where it is; the reply in place. */
  ask(payload: Uint8Array): Uint8Array | undefined {
    return this.world.ask?.(this.address, this.port, payload);
  }

  /** Gets a cookie from the server. */
  getCookie(): void {
    this.cookie = undefined;
    this.takeCookie(this.ask(this.makeInitiation()));
  }

  takeCookie(reply: Uint8Array | undefined): void {
    if (reply === undefined || messageType(reply, 0, reply.length) !== MESSAGE.cookie) {
      throw new Error('no cookie');
    }
    this.cookie = this.handshake?.readCookie(reply);
    if (this.cookie === undefined) {
      throw new Error('a cookie for another initiation');
    }
  }

  /** Takes a response in; whether there is a session now. */
  accept(response: Uint8Array | undefined): boolean {
    if (response === undefined || messageType(response, 0, response.length) !== MESSAGE.response) {
      return false;
    }
    const accepted = this.handshake!.accept(response);
    this.status = accepted?.payload;
    if (accepted?.transport === undefined) {
      return false;
    }
    this.remoteIndex = accepted.remoteIndex;
    this.transport = accepted.transport;
    this.version = 0;
    return true;
  }

  /** A handshake with all that belongs to it; whether there is a session now. */
  connect(): boolean {
    this.getCookie();
    return this.accept(this.ask(this.makeInitiation()));
  }

  /** Seals a frame. */
  seal(write: (writer: FrameWriter) => void): Uint8Array {
    write(this.writer);
    const out = new Uint8Array(1232);
    const { bytes, length } = this.writer;
    return out.slice(0, this.transport!.seal(this.remoteIndex, bytes, length, out, 0));
  }

  /** A part of a want list; without further arguments, a new list of one part. */
  listPart(keys: readonly PublicKey[], version = ++this.version, part = 0, parts = 1): Uint8Array {
    return this.seal((writer) => {
      writer.beginWant(version, part, parts);
      for (const key of keys) {
        writer.addKey(key);
      }
    });
  }

  plain(kind: typeof FRAME.ping | typeof FRAME.bye): Uint8Array {
    return this.seal((writer) => writer.plain(kind));
  }

  /** Opens a data message that is meant for it. */
  open(message: Uint8Array | undefined): SealedFrame | undefined {
    if (message === undefined || messageType(message, 0, message.length) !== MESSAGE.data) {
      return undefined;
    }
    const out = new Uint8Array(MAX_PLAINTEXT_LENGTH);
    const length = this.transport!.open(message, 0, message.length, out);
    return length < 0 ? undefined : decodeSealedFrame(out.subarray(0, length));
  }

  /** Sends a sealed message and opens the reply. */
  exchange(message: Uint8Array): SealedFrame | undefined {
    return this.open(this.ask(message));
  }

  /** Wants these peers and no others; what the server answers about them, and pushes meanwhile. */
  want(...keys: readonly PublicKey[]): readonly PeerEntry[] {
    const parts = splitWantList(keys);
    this.version++;
    return parts.flatMap((some, part) =>
      this.entriesFor(this.listPart(some, this.version, part, parts.length)),
    );
  }

  /** Where the server says that a peer is, over IPv4; the list has one part, which may be repeated. */
  find(key: PublicKey): string | undefined {
    const entries =
      this.version === 0 ? this.want(key) : this.entriesFor(this.listPart([key], this.version));
    const found = entries[0]?.ipv4;
    return found && formatEndpoint(found);
  }

  private entriesFor(message: Uint8Array): PeerEntry[] {
    const frames = [this.exchange(message), ...this.takeSent().map(({ frame }) => frame)];
    return frames.flatMap((frame) => (frame?.kind === FRAME.peers ? frame.entries : []));
  }

  /** What the server sent to this client of its own accord. */
  takeSent(): { readonly counter: number; readonly frame: SealedFrame }[] {
    return (this.world.takeSent?.(this.endpoint) ?? []).flatMap(({ payload }) => {
      const frame = this.open(payload);
      return frame === undefined ? [] : [{ frame, counter: this.transport!.lastCounter }];
    });
  }

  /** What was pushed; each push is acknowledged, unless it is to be lost. */
  takePushes({ acknowledge = true } = {}): readonly PeerEntry[] {
    const entries: PeerEntry[] = [];
    for (const { frame, counter } of this.takeSent()) {
      if (frame.kind === FRAME.peers && frame.push) {
        entries.push(...frame.entries);
        if (acknowledge) {
          this.acknowledge(counter);
        }
      }
    }
    return entries;
  }

  acknowledge(counter: number): void {
    this.ask(this.seal((writer) => writer.begin(FRAME.ack).addCounter(counter)));
  }
}
