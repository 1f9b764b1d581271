import type { KeyPair } from '../../sealed/key-pair.js';
import { readUint32 } from '../../wire/byte-order.js';
import { formatEndpoint } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import { MESSAGE, messageType, OFFSET } from '../../wire/sealed.js';
import { FRAME } from '../../wire/sealed-frames.js';
import type { LoadScript } from './load-script.js';
import { cookieHolder, SealedSession } from './sealed-session.js';

/**
 * Sessions of the sealed protocol from one address and port. Each first completes a handshake and asks
 * for its peer; then they repeat the request in turn. Requests are sealed as they are sent; answers are
 * not opened.
 */
export class SealedScript implements LoadScript {
  readonly #sessions: readonly SealedSession[];
  #begun = 0;
  #turn = 0;
  #settled = false;

  /** Each key pair wants one peer. */
  constructor(
    serverKey: PublicKey,
    peers: readonly { readonly keys: KeyPair; readonly wanted: PublicKey }[],
  ) {
    const holder = cookieHolder(serverKey);
    this.#sessions = peers.map(
      ({ keys, wanted }, index) => new SealedSession(keys, wanted, holder, index),
    );
  }

  get ready(): boolean {
    this.#settled ||= this.#sessions.every(({ answer }) => answer !== undefined);
    return this.#settled;
  }

  restart(): void {
    this.#begun = 0;
  }

  next(out: Uint8Array, at: number): number {
    while (this.#begun < this.#sessions.length) {
      const session = this.#sessions[this.#begun++]!;
      if (session.answer === undefined) {
        return session.begin(out, at, Date.now());
      }
    }
    const session = this.#sessions[this.#turn]!;
    this.#turn = (this.#turn + 1) % this.#sessions.length;
    // Without a session there is no key to seal with.
    return session.want(out, at) || NOTHING;
  }

  answer(bytes: Uint8Array, at: number, length: number): number {
    if (this.#settled) {
      return this.next(bytes, at);
    }
    const reply = this.#sessionOf(bytes, at, length)?.receive(bytes, at, length, bytes, at) ?? 0;
    return reply > 0 ? reply : this.next(bytes, at);
  }

  explain(answer: Uint8Array): string {
    const frame = this.#sessionOf(answer, 0, answer.length)?.open(answer, 0, answer.length);
    const entry = frame?.kind === FRAME.peers ? frame.entries[0] : undefined;
    return entry?.ipv4 === undefined ? 'no endpoint' : formatEndpoint(entry.ipv4);
  }

  #sessionOf(bytes: Uint8Array, at: number, length: number): SealedSession | undefined {
    const known = messageType(bytes, at, length);
    const named = known !== 0 && known !== MESSAGE.notice;
    return named ? this.#sessions[readUint32(bytes, at + OFFSET.data.receiverIndex)] : undefined;
  }
}

const NOTHING = -1;
