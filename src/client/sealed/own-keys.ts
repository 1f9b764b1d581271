import { type KeyPair, keyPairOf, wipeKeyPair } from '../../sealed/key-pair.js';
import { wipe } from '../../sealed/wipe.js';
import { formatPublicKey, type PublicKey } from '../../wire/key.js';
import { readPrivateKey } from '../../wireguard/private-key.js';
import { MIN_RETRY_MS } from '../timing.js';

/**
 * The interface's key pair, read in the background and again when its public key is another. It is kept in
 * memory only, and overwritten when it is no longer needed.
 */
export class OwnKeys {
  readonly #interfaceName: string;
  readonly #changed: () => void;
  readonly #read: (interfaceName: string) => Promise<Uint8Array>;
  #pair: KeyPair | undefined;
  #error: Error | undefined;
  #isReading = false;
  #isClosed = false;
  #readAt = Number.NEGATIVE_INFINITY;

  /** @param changed is called after each read, when there is a key pair or an error */
  constructor(interfaceName: string, changed: () => void, read = readPrivateKey) {
    this.#interfaceName = interfaceName;
    this.#changed = changed;
    this.#read = read;
  }

  /** Reads the key before it is needed; an error is ignored, because the key is read again then. */
  prefetch(): void {
    this.#isReading = true;
    void this.#readPair().then(() => this.#done(undefined));
  }

  /** Why the key could not be read the last time. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** The pair with this public key; undefined while it is being read. */
  pairOf(publicKey: PublicKey, now: number): KeyPair | undefined {
    const wanted = formatPublicKey(publicKey);
    if (this.#pair !== undefined && formatPublicKey(this.#pair.publicKey) === wanted) {
      return this.#pair;
    }
    if (!this.#isReading && now >= this.#readAt) {
      this.#isReading = true;
      // What is read may be a key that the interface no longer has, or not yet: no two reads in a hurry.
      this.#readAt = now + MIN_RETRY_MS;
      void this.#readPair().then((error) => this.#done(error));
    }
    return undefined;
  }

  /** When there is something to do next; Infinity for never. */
  get nextAt(): number {
    return this.#error === undefined ? Number.POSITIVE_INFINITY : this.#readAt;
  }

  /** Overwrites the keys, if any. */
  close(): void {
    this.#isClosed = true;
    this.#forget();
  }

  /** Reads the pair; the error, if any. */
  async #readPair(): Promise<Error | undefined> {
    try {
      const secret = await this.#read(this.#interfaceName);
      this.#forget();
      this.#pair = this.#isClosed ? undefined : keyPairOf(secret);
      wipe(secret);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  #done(error: Error | undefined): void {
    this.#isReading = false;
    this.#error = error;
    this.#changed();
  }

  #forget(): void {
    if (this.#pair !== undefined) {
      wipeKeyPair(this.#pair);
      this.#pair = undefined;
    }
  }
}
