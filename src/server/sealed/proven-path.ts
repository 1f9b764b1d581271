import { ADDRESS_WORDS, PORT_WORD } from '../../socket/datagram-batch.js';
import type { Family } from '../../wire/endpoint.js';
import { addressScope, type Scope } from '../../wire/endpoint-scope.js';

/** Words of the remote end: its address, then its port. */
const REMOTE_WORDS = PORT_WORD + 1;

/** Time limit for the first data message, which confirms a session and the path of its handshake. */
export const CONFIRM_MS = 10_000;

/** A source that a client has proven to be its own, over one family. */
export class ProvenPath {
  /** As in a slot of a batch: the address to send to, and the server's own to send from. */
  readonly addresses = new Uint32Array(ADDRESS_WORDS);
  /** The same as bytes: the client's address comes first, in network order. */
  readonly bytes = new Uint8Array(this.addresses.buffer);
  /** The scope of the client's address. */
  readonly scope: Scope;
  /** A handshake brought it, and no data has come from it yet. */
  isProvisional = false;
  /** The bucket of its messages that fail authentication; see DataReceiver. */
  forgeriesFullAt = 0;

  /**
   * @param addresses a batch's addresses; the slot's begin at addressAt
   * @param socket the number of the socket that received it
   * @param heardAt ms
   */
  constructor(
    readonly family: Family,
    addresses: Uint32Array,
    addressAt: number,
    public socket: number,
    public heardAt: number,
  ) {
    this.copy(addresses, addressAt);
    this.scope = addressScope(this.bytes, 0, family);
  }

  get port(): number {
    return this.addresses[PORT_WORD]!;
  }

  /** When it ends unless it is heard again, in ms; `ttlMs` is the time to live. */
  endsAt(ttlMs: number): number {
    return this.heardAt + (this.isProvisional ? Math.min(CONFIRM_MS, ttlMs) : ttlMs);
  }

  /** Whether a slot's datagram came from here. */
  isFrom(addresses: Uint32Array, addressAt: number): boolean {
    for (let i = 0; i < REMOTE_WORDS; i++) {
      if (this.addresses[i] !== addresses[addressAt + i]) {
        return false;
      }
    }
    return true;
  }

  /** Heard again from the same source, perhaps at another address or socket of the server. */
  hear(addresses: Uint32Array, addressAt: number, socket: number, now: number): void {
    this.copy(addresses, addressAt);
    this.socket = socket;
    this.heardAt = now;
  }

  private copy(addresses: Uint32Array, addressAt: number): void {
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      this.addresses[i] = addresses[addressAt + i]!;
    }
  }
}
