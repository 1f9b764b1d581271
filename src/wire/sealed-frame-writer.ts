import { copyBytes, writePort, writeUint16, writeUint32, writeUint64 } from './byte-order.js';
import { ADDRESS_LENGTH, type Family } from './endpoint.js';
import { KEY_LENGTH } from './key.js';
import { RELAY_KEY_LENGTH, type RelayCredentials } from './relay.js';
import { MAX_PLAINTEXT_LENGTH } from './sealed.js';
import {
  FRAME,
  type FrameKind,
  LIST_HEADER_LENGTH,
  OBSERVE_LENGTH,
  PEERS_COUNTER_OFFSET,
  PEERS_HEADER_LENGTH,
  type RelayRefusal,
  SEALED_CANDIDATES_LENGTH,
  TOKEN_LENGTH,
  WANT_HEADER_LENGTH,
  WANT_OFFSET,
} from './sealed-frames.js';

/**
 * Writes frames into one plaintext buffer, each over the one before, without allocations. Begin a list, then
 * add items while they fit.
 */
export class FrameWriter {
  /** The frame is the first `length` bytes. */
  readonly bytes = new Uint8Array(MAX_PLAINTEXT_LENGTH);

  private end = 0;
  private items = 0;

  /** Bytes written, without padding. */
  get length(): number {
    return this.end;
  }

  /** Items of the list. */
  get count(): number {
    return this.items;
  }

  /** Begins a list: candidates, relay or ack. */
  begin(
    kind: typeof FRAME.candidates | typeof FRAME.ack | typeof FRAME.serverAck | typeof FRAME.relay,
  ): this {
    return this.beginList(kind, LIST_HEADER_LENGTH);
  }

  /**
   * Begins a part of a want list, to which its keys are added.
   * @param version of the list, from 1 on; a later list of the session has a higher one
   * @param part number of this part, from 0 on, of `parts`
   */
  beginWant(version: number, part: number, parts: number): this {
    this.beginList(FRAME.want, WANT_HEADER_LENGTH);
    writeUint32(this.bytes, WANT_OFFSET.version, version);
    writeUint16(this.bytes, WANT_OFFSET.part, part);
    writeUint16(this.bytes, WANT_OFFSET.parts, parts);
    return this;
  }

  /** Begins peers that answer the want with that counter. */
  beginAnswer(counter: number): this {
    this.beginList(FRAME.peers, PEERS_HEADER_LENGTH);
    writeUint64(this.bytes, PEERS_COUNTER_OFFSET, counter);
    return this;
  }

  /** Begins peers that the client has to acknowledge. */
  beginPush(): this {
    this.beginAnswer(0);
    this.bytes[1] = 1;
    return this;
  }

  /** Whether an item of this many bytes fits. Adding one that does not is a RangeError. */
  fits(length: number): boolean {
    return this.end + length <= MAX_PLAINTEXT_LENGTH;
  }

  /** Adds a key to want or relay. */
  addKey(bytes: Uint8Array, at = 0): this {
    this.copy(bytes, at, KEY_LENGTH);
    return this.countItem();
  }

  /** Adds a peer's key and the candidates sealed to it. */
  addCandidates(key: Uint8Array, sealed: Uint8Array): this {
    return this.addKey(key).putCandidates(sealed);
  }

  /** Adds the counter of a message to acknowledge. */
  addCounter(counter: number): this {
    const at = this.reserve(8);
    writeUint64(this.bytes, at, counter);
    return this.countItem();
  }

  /** Begins an entry of peers; the parts that the flags announce have to follow, in their order. */
  addEntry(key: Uint8Array, keyAt: number, flags: number): this {
    this.addKey(key, keyAt);
    this.bytes[this.reserve(1)] = flags;
    return this;
  }

  /** Puts an address in network order, and a port. */
  putEndpoint(address: Uint8Array, addressAt: number, family: Family, port: number): this {
    this.copy(address, addressAt, ADDRESS_LENGTH[family]);
    writePort(this.bytes, this.reserve(2), port);
    return this;
  }

  /** Puts sealed candidates. */
  putCandidates(sealed: Uint8Array, at = 0): this {
    this.copy(sealed, at, SEALED_CANDIDATES_LENGTH);
    return this;
  }

  /** Puts the relay part of an entry: a port, and what a client binds with there. */
  putRelay(port: number, { id, key }: RelayCredentials): this {
    writePort(this.bytes, this.reserve(2), port);
    writeUint32(this.bytes, this.reserve(4), id);
    this.copy(key, 0, RELAY_KEY_LENGTH);
    return this;
  }

  /** Puts the reason why a peer is not relayed. */
  putRefusal(reason: RelayRefusal): this {
    this.bytes[this.reserve(1)] = reason;
    return this;
  }

  /** Writes ping or bye. */
  plain(kind: typeof FRAME.ping | typeof FRAME.bye): this {
    return this.start(kind);
  }

  /** Writes a path challenge or response. */
  token(kind: typeof FRAME.pathResponse | typeof FRAME.pathChallenge, token: Uint8Array): this {
    this.start(kind).copy(token, 0, TOKEN_LENGTH);
    return this;
  }

  /** Writes pong, with the source of the client's message. */
  pong(address: Uint8Array, addressAt: number, family: Family, port: number): this {
    this.start(FRAME.pong);
    this.bytes[this.reserve(1)] = family;
    writePort(this.bytes, this.reserve(2), port);
    this.copy(address, addressAt, ADDRESS_LENGTH[family]);
    return this;
  }

  /** Writes observe, which is nothing but its length. */
  observe(): this {
    this.start(FRAME.observe);
    this.bytes.fill(0, 1, this.reserve(OBSERVE_LENGTH - 1) + OBSERVE_LENGTH - 1);
    return this;
  }

  /** Writes observed: the source of the client's message with that counter, and our other port or 0. */
  observed(
    counter: number,
    otherPort: number,
    address: Uint8Array,
    addressAt: number,
    family: Family,
    port: number,
  ): this {
    this.start(FRAME.observed);
    this.bytes[this.reserve(1)] = family;
    writePort(this.bytes, this.reserve(2), port);
    writeUint64(this.bytes, this.reserve(8), counter);
    writePort(this.bytes, this.reserve(2), otherPort);
    this.copy(address, addressAt, ADDRESS_LENGTH[family]);
    return this;
  }

  private beginList(kind: FrameKind, headerLength: number): this {
    this.start(kind);
    this.bytes[1] = 0;
    writeUint16(this.bytes, 2, 0);
    this.end = headerLength;
    return this;
  }

  private start(kind: FrameKind): this {
    this.bytes[0] = kind;
    this.end = 1;
    this.items = 0;
    return this;
  }

  private copy(from: Uint8Array, at: number, length: number): void {
    copyBytes(from, at, this.bytes, this.reserve(length), length);
  }

  private reserve(length: number): number {
    const at = this.end;
    if (at + length > MAX_PLAINTEXT_LENGTH) {
      throw new RangeError(`a frame has ${MAX_PLAINTEXT_LENGTH} bytes at most`);
    }
    this.end = at + length;
    return at;
  }

  private countItem(): this {
    this.items++;
    writeUint16(this.bytes, 2, this.items);
    return this;
  }
}
