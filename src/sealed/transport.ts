import sodium from 'sodium-native';
import { writeUint32 } from '../wire/byte-order.js';
import {
  DATA_HEADER_LENGTH,
  MAX_MESSAGE_LENGTH,
  MAX_MESSAGES,
  MAX_PLAINTEXT_LENGTH,
  paddedLength,
  readCounter,
  TAG_LENGTH,
  writeDataHeader,
} from '../wire/sealed.js';
import type { TransportKeys } from './handshake.js';
import { ReplayWindow } from './replay-window.js';
import { wipe } from './wipe.js';

const BLOCK = 16;
const OVERHEAD = DATA_HEADER_LENGTH + TAG_LENGTH;

// Scratch memory for one message, with a view for each length: creating views would cost more than anything
// but the cipher itself.
const message = new Uint8Array(MAX_MESSAGE_LENGTH);
const header = message.subarray(0, DATA_HEADER_LENGTH);
const views = Array.from({ length: MAX_PLAINTEXT_LENGTH / BLOCK + 1 }, (_, blocks) => {
  const end = DATA_HEADER_LENGTH + blocks * BLOCK;
  return {
    message: message.subarray(0, end + TAG_LENGTH),
    ciphertext: message.subarray(DATA_HEADER_LENGTH, end + TAG_LENGTH),
    plaintext: message.subarray(DATA_HEADER_LENGTH, end),
  };
});

/** 4 zero bytes, then the counter, whose upper half is always zero: MAX_MESSAGES. */
const nonce = new Uint8Array(12);

/** The data messages of one session: ChaCha20-Poly1305, counters, a window against replay. */
export class Transport {
  private readonly window = new ReplayWindow();
  private sent = 0;
  private opened = -1;
  private wiped = false;

  /** Owns the keys: wipe() overwrites them. */
  constructor(private readonly keys: TransportKeys) {}

  /** Messages sealed so far: the counter of the next. */
  get sealedCount(): number {
    return this.sent;
  }

  /** The counter of the message that was opened last; -1 before the first. */
  get lastCounter(): number {
    return this.opened;
  }

  /** The highest counter of a message that was opened; -1 before the first. */
  get highestCounter(): number {
    return this.window.highest;
  }

  /**
   * Seals the first `length` bytes of a plaintext, and writes the message to `out` from `at` on.
   * @param remoteIndex the index by which the other side knows the session
   * @param plaintext memory of at most 1200 bytes
   * @returns bytes of the message; -1 when the session has sealed MAX_MESSAGES, or is wiped
   */
  seal(
    remoteIndex: number,
    plaintext: Uint8Array,
    length: number,
    out: Uint8Array,
    at: number,
  ): number {
    if (this.sent >= MAX_MESSAGES) {
      return -1;
    }
    const padded = paddedLength(length);
    const view = views[padded / BLOCK]!;
    writeDataHeader(message, 0, remoteIndex, this.sent);
    message.set(plaintext, DATA_HEADER_LENGTH);
    message.fill(0, DATA_HEADER_LENGTH + length, DATA_HEADER_LENGTH + padded);
    writeUint32(nonce, 4, this.sent);
    sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
      view.ciphertext,
      view.plaintext,
      header,
      null,
      nonce,
      this.keys.send,
    );
    this.sent++;
    out.set(view.message, at);
    return padded + OVERHEAD;
  }

  /**
   * Opens the data message of `length` bytes (one that isDataLength allows) at `at`, and writes its
   * plaintext with its padding to the beginning of `out`.
   * @returns bytes of plaintext; -1 for a message that is forged, repeated, or too old
   */
  open(bytes: Uint8Array, at: number, length: number, out: Uint8Array): number {
    const counter = readCounter(bytes, at);
    if (this.wiped || counter >= MAX_MESSAGES || !this.window.isNew(counter)) {
      return -1;
    }
    const view = views[(length - OVERHEAD) / BLOCK]!;
    message.set(bytes.subarray(at, at + length));
    writeUint32(nonce, 4, counter);
    try {
      sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
        view.plaintext,
        null,
        view.ciphertext,
        header,
        nonce,
        this.keys.receive,
      );
    } catch {
      return -1;
    }
    this.window.add(counter);
    this.opened = counter;
    out.set(view.plaintext);
    return length - OVERHEAD;
  }

  /** Overwrites the keys; nothing is sealed or opened from then on. */
  wipe(): void {
    wipe(this.keys.send, this.keys.receive);
    this.sent = MAX_MESSAGES;
    this.wiped = true;
  }
}
