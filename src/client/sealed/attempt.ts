import { type Accepted, Initiation } from '../../sealed/handshake.js';
import type { KeyPair } from '../../sealed/key-pair.js';
import { type MessageMacs, writeMac2 } from '../../sealed/mac.js';
import { readUint32 } from '../../wire/byte-order.js';
import type { PublicKey } from '../../wire/key.js';
import { ECHO_LENGTH, MESSAGE_LENGTH, OFFSET, writeInitiation } from '../../wire/sealed.js';

/** An initiation that is under way. */
export class Attempt {
  /** It went out with a cookie, so it may have been accepted: sent once more it would be a replay. */
  isSpent = false;
  /** A cookie was answered since it was last sent for its time. */
  isHurried = false;
  readonly #macs: MessageMacs;
  readonly #initiation: Initiation;
  readonly #message = new Uint8Array(MESSAGE_LENGTH.initiation);

  /**
   * @param sender the number by which the server is to name the session
   * @param timestamp TAI64N
   */
  constructor(
    own: KeyPair,
    server: PublicKey,
    macs: MessageMacs,
    readonly sender: number,
    timestamp: Uint8Array,
  ) {
    this.#macs = macs;
    this.#initiation = new Initiation(own, server, timestamp);
    writeInitiation(this.#message, 0, sender, this.#initiation.noise);
    macs.writeMac1(this.#message, 0);
  }

  /** The message to send to where that cookie came from; without one, the server will send it. */
  message(cookie: Uint8Array | undefined): Uint8Array {
    if (cookie === undefined) {
      this.#message.fill(0, OFFSET.initiation.mac2);
    } else {
      writeMac2(this.#message, 0, cookie);
      this.isSpent = true;
    }
    return this.#message;
  }

  /** The cookie in a cookie message; undefined when it does not answer this. */
  cookieIn(message: Uint8Array): Uint8Array | undefined {
    const isOurs =
      readUint32(message, OFFSET.cookie.receiver) === this.sender &&
      this.#macs.hasTag(message, 0, this.#message, OFFSET.initiation.mac1);
    return isOurs ? message.slice(OFFSET.cookie.cookie, OFFSET.cookie.tag) : undefined;
  }

  /** What a response says; undefined when it does not answer this. */
  accept(message: Uint8Array): Accepted | undefined {
    const isOurs = readUint32(message, OFFSET.response.receiver) === this.sender;
    return isOurs ? this.#initiation.accept(message.subarray(OFFSET.response.noise)) : undefined;
  }

  /** Whether a notice echoes this. */
  isEchoedBy(notice: Uint8Array): boolean {
    const { mac1 } = OFFSET.initiation;
    const echo = notice.subarray(OFFSET.notice.echo, OFFSET.notice.echo + ECHO_LENGTH);
    return echo.every((byte, i) => byte === this.#message[mac1 + i]);
  }

  /** Overwrites its secrets. */
  wipe(): void {
    this.#initiation.wipe();
  }
}
