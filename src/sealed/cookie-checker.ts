import sodium from 'sodium-native';
import { copyBytes, writePort, writeUint32 } from '../wire/byte-order.js';
import { ADDRESS_LENGTH, type Family } from '../wire/endpoint.js';
import { MAC_LENGTH, mac2Offset } from '../wire/sealed.js';
import { TOKEN_LENGTH } from '../wire/sealed-frames.js';
import { hasMac2 } from './mac.js';

/** A secret makes cookies for this long, and is accepted for as long again. */
export const COOKIE_SECRET_MS = 120_000;

const SECRET_LENGTH = 32;

/** The source of a datagram. */
export interface CookieSource {
  readonly family: Family;
  /** Holds the address in network order. */
  readonly addresses: Uint8Array;
  readonly addressAt: number;
  readonly port: number;
}

/** `session[4] family[1] address[4 or 16] port[2]`; a cookie leaves out the session. */
const input = new Uint8Array(4 + 1 + 16 + 2);
const SOURCE_AT = 4;
const views = {
  4: { token: input.subarray(0, 11), cookie: input.subarray(SOURCE_AT, 11) },
  6: { token: input, cookie: input.subarray(SOURCE_AT) },
} as const;
const computed = new Uint8Array(MAC_LENGTH);
const shortComputed = computed.subarray(0, TOKEN_LENGTH);

/**
 * Stateless proofs that a source receives what is sent to it: keyed hashes of the source. `now` is
 * monotonic, in ms.
 */
export class CookieChecker {
  private current = randomSecret();
  private previous = randomSecret();
  private since: number;
  private secrets = 0;

  constructor(now: number) {
    this.since = now;
  }

  /** Number of secrets before the present one. A cookie is valid with its own secret and the next. */
  get generation(): number {
    return this.secrets;
  }

  /** The cookie of a source: 16 bytes, overwritten by the next call of any checker. */
  cookie(source: CookieSource, now: number): Uint8Array {
    this.rotate(now);
    return cookieOf(this.current, source);
  }

  /** Whether mac2 of the `length` bytes of initiation at `at` is by a valid cookie of this source. */
  accepts(
    bytes: Uint8Array,
    at: number,
    length: number,
    source: CookieSource,
    now: number,
  ): boolean {
    this.rotate(now);
    return (
      !isFirst(bytes, at + mac2Offset(length)) &&
      (hasMac2(bytes, at, length, cookieOf(this.current, source)) ||
        hasMac2(bytes, at, length, cookieOf(this.previous, source)))
    );
  }

  /** Whether these 16 bytes are a valid cookie of this source. */
  isCookieOf(cookie: Uint8Array, source: CookieSource, now: number): boolean {
    this.rotate(now);
    return (
      sodium.sodium_memcmp(cookie, cookieOf(this.current, source)) ||
      sodium.sodium_memcmp(cookie, cookieOf(this.previous, source))
    );
  }

  /** The token of a path challenge: 8 bytes, overwritten by the next call of any checker. */
  token(session: number, source: CookieSource, now: number): Uint8Array {
    this.rotate(now);
    return tokenOf(this.current, session, source);
  }

  /** Whether the 8 bytes at `at` are a valid token of this session and source. */
  acceptsToken(
    bytes: Uint8Array,
    at: number,
    session: number,
    source: CookieSource,
    now: number,
  ): boolean {
    this.rotate(now);
    const token = bytes.subarray(at, at + TOKEN_LENGTH);
    return (
      sodium.sodium_memcmp(token, tokenOf(this.current, session, source)) ||
      sodium.sodium_memcmp(token, tokenOf(this.previous, session, source))
    );
  }

  private rotate(now: number): void {
    const age = now - this.since;
    if (age < COOKIE_SECRET_MS) {
      return;
    }
    this.previous = age < 2 * COOKIE_SECRET_MS ? this.current : randomSecret();
    this.current = randomSecret();
    this.since = now;
    this.secrets += age < 2 * COOKIE_SECRET_MS ? 1 : 2;
  }
}

/** Whether mac2 is zero, as in a client's first initiation: a flood of those must not cost hashes. */
function isFirst(bytes: Uint8Array, mac2At: number): boolean {
  for (let i = mac2At; i < mac2At + MAC_LENGTH; i++) {
    if (bytes[i] !== 0) {
      return false;
    }
  }
  return true;
}

function randomSecret(): Uint8Array {
  const secret = new Uint8Array(SECRET_LENGTH);
  sodium.randombytes_buf(secret);
  return secret;
}

function cookieOf(secret: Uint8Array, source: CookieSource): Uint8Array {
  writeSource(source);
  sodium.crypto_generichash(computed, views[source.family].cookie, secret);
  return computed;
}

function tokenOf(secret: Uint8Array, session: number, source: CookieSource): Uint8Array {
  writeSource(source);
  writeUint32(input, 0, session);
  sodium.crypto_generichash(computed, views[source.family].token, secret);
  return shortComputed;
}

function writeSource({ family, addresses, addressAt, port }: CookieSource): void {
  const length = ADDRESS_LENGTH[family];
  input[SOURCE_AT] = family;
  copyBytes(addresses, addressAt, input, SOURCE_AT + 1, length);
  writePort(input, SOURCE_AT + 1 + length, port);
}
