import { readUint32 } from '../wire/byte-order.js';
import {
  ECHO_LENGTH,
  initiationLength,
  mac1Offset,
  mac2Offset,
  OFFSET,
  writeInitiation,
} from '../wire/sealed.js';
import { type EarlyWant, encodeInitiationPayload } from '../wire/sealed-initiation.js';
import { decodeResponsePayload, type ResponsePayload, STATUS } from '../wire/sealed-response.js';
import { NoiseInitiator } from './handshake.js';
import type { KeyPair } from './key-pair.js';
import { type MessageMacs, writeMac2 } from './mac.js';
import { Transport } from './transport.js';
import { wipe } from './wipe.js';

/** What a server's response gives. */
export interface Accepted {
  readonly payload: ResponsePayload;
  /** The index by which the server knows the session. */
  readonly remoteIndex: number;
  /** The session's data messages; undefined if the server refused the handshake. */
  readonly transport: Transport | undefined;
}

/** One handshake of the sealed protocol, from the client's side: initiation, cookie, response. */
export class Initiation {
  /** Sent with a cookie, the server may have accepted it: sent again it would be a replay. */
  isSpent = false;
  private readonly initiator: NoiseInitiator;
  private readonly message: Uint8Array;

  /**
   * @param macs those of the server
   * @param localIndex 32 bits by which the server names the session to us
   * @param timestamp TAI64N, later than that of any earlier handshake of this key
   * @param early the beginning of the want list, if there is a cookie and no session
   * Throws an Error if the server's key is a point of low order.
   */
  constructor(
    own: KeyPair,
    private readonly macs: MessageMacs,
    readonly localIndex: number,
    timestamp: Uint8Array,
    early?: EarlyWant,
  ) {
    const payload = encodeInitiationPayload({ timestamp, early });
    this.initiator = new NoiseInitiator(own, macs.server, payload);
    const { noise } = this.initiator;
    this.message = new Uint8Array(initiationLength(noise.length));
    writeInitiation(this.message, 0, localIndex, noise);
    macs.writeMac1(this.message, 0, this.message.length);
  }

  /**
   * The bytes to send; the next call changes them.
   * @param cookie 16 bytes from the server, for the address that this is sent from; without one the
   *   server answers with a cookie message
   */
  encode(cookie: Uint8Array | undefined): Uint8Array {
    const { length } = this.message;
    if (cookie === undefined) {
      this.message.fill(0, mac2Offset(length));
    } else {
      writeMac2(this.message, 0, length, cookie);
      this.isSpent = true;
    }
    return this.message;
  }

  /** The cookie, 16 bytes, in a cookie message; undefined unless the server made it for this initiation. */
  readCookie(message: Uint8Array): Uint8Array | undefined {
    const isOurs =
      readUint32(message, OFFSET.cookie.receiverIndex) === this.localIndex &&
      this.macs.hasTag(message, 0, this.message, mac1Offset(this.message.length));
    return isOurs ? message.slice(OFFSET.cookie.cookie, OFFSET.cookie.tag) : undefined;
  }

  /** Opens a response; undefined unless the server made it for this initiation. */
  accept(message: Uint8Array): Accepted | undefined {
    if (readUint32(message, OFFSET.response.receiverIndex) !== this.localIndex) {
      return undefined;
    }
    const opened = this.initiator.accept(message.subarray(OFFSET.response.noise));
    const payload = opened && decodeResponsePayload(opened.payload);
    if (opened === undefined || payload === undefined) {
      return undefined;
    }
    const remoteIndex = readUint32(message, OFFSET.response.senderIndex);
    if (payload.status === STATUS.welcome) {
      return { payload, remoteIndex, transport: new Transport(opened.keys) };
    }
    wipe(opened.keys.send, opened.keys.receive);
    return { payload, remoteIndex, transport: undefined };
  }

  /** Whether a notice echoes this initiation. */
  isEchoedBy(notice: Uint8Array): boolean {
    const mac1 = mac1Offset(this.message.length);
    const echo = notice.subarray(OFFSET.notice.echo, OFFSET.notice.echo + ECHO_LENGTH);
    return echo.every((byte, i) => byte === this.message[mac1 + i]);
  }

  /** Overwrites its secrets: it accepts nothing from then on. */
  wipe(): void {
    this.initiator.wipe();
  }
}
