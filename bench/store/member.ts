import { randomBytes } from 'node:crypto';
import { SealedClient } from '../../src/client/sealed/sealed-client.js';
import type { KeyPair } from '../../src/sealed/key-pair.js';
import { readUint32 } from '../../src/wire/byte-order.js';
import { formatPublicKey, type PublicKey } from '../../src/wire/key.js';
import { MESSAGE, messageType, OFFSET } from '../../src/wire/sealed.js';

/** A server under load, on 127.0.0.1. */
export interface Server {
  readonly port: number;
  readonly key: PublicKey;
}

export interface MemberOptions {
  /** Names its place. */
  readonly number: number;
  readonly keys: KeyPair;
  readonly server: Server;
  readonly pingMs: number;
  readonly send: (member: Member, message: Uint8Array) => void;
  /** It has something new about a peer, which base64 key names. */
  readonly updated: (member: Member, key: string) => void;
}

/** One client of a generator: our own sealed client, at a place of its own. */
export class Member {
  /** When the timer wheel calls it. */
  dueAt = Number.POSITIVE_INFINITY;
  /** When it pings once out of turn, so that the pings of all are spread. */
  spreadAt = Number.POSITIVE_INFINITY;
  hasMoved = false;
  /** It asked for an answer then, and waits for it. */
  askedAt: number | undefined;
  /** When data arrived in the session that it has now; undefined before that. */
  answeredAt: number | undefined;
  readonly number: number;
  readonly server: Server;
  readonly name: string;
  readonly client: SealedClient;
  /** The server's name of the session in which data was sent last. */
  private remoteIndex: number | undefined;

  constructor({ number, keys, server, pingMs, send, updated }: MemberOptions) {
    this.number = number;
    this.server = server;
    this.name = formatPublicKey(keys.publicKey);
    this.client = new SealedClient({
      own: keys,
      server: server.key,
      randomNumber: () => randomBytes(4).readUInt32LE(),
      send: (_family, message) => {
        this.note(message);
        send(this, message);
        return true;
      },
      updated: (key) => updated(this, key),
      pingIntervalMs: pingMs,
    });
  }

  /** Begins; `wanted` by base64 key. */
  join(wanted: ReadonlyMap<string, { readonly publicKey: PublicKey }>): void {
    this.client.useFamilies([4]);
    this.client.want(wanted);
    this.client.setLocalCandidates({
      run: Date.now(),
      nat: new Uint8Array(8),
      candidates: [{ type: 'host', endpoint: { address: '192.168.1.2', port: 51_820, family: 4 } }],
    });
  }

  /** Does what is due. */
  work(now: number, wallNow: number): void {
    if (this.spreadAt <= now) {
      this.spreadAt = Number.POSITIVE_INFINITY;
      this.client.refresh();
    }
    this.client.work(now, wallNow);
  }

  get nextAt(): number {
    return Math.min(this.client.nextAt, this.spreadAt);
  }

  /** Takes in a datagram. Returns the ms that an answer took, where one was asked for. */
  receive(message: Uint8Array, now: number, wallNow: number): number | undefined {
    this.client.received(4, message, now, wallNow);
    if (this.isAwaitingData && messageType(message, 0, message.length) === MESSAGE.data) {
      this.answeredAt = now;
    }
    if (this.askedAt === undefined || this.client.observedAt(4) !== now) {
      return undefined;
    }
    const tookMs = now - this.askedAt;
    this.askedAt = undefined;
    return tookMs;
  }

  /** Pings at once; receive() returns how long the answer took. */
  ask(now: number, wallNow: number): void {
    this.askedAt = now;
    this.client.refresh();
    this.client.work(now, wallNow);
  }

  private get isAwaitingData(): boolean {
    return this.answeredAt === undefined && this.remoteIndex !== undefined;
  }

  /** Data in another session than before: what was answered in the old one no longer counts. */
  private note(message: Uint8Array): void {
    if (messageType(message, 0, message.length) === MESSAGE.data) {
      const remoteIndex = readUint32(message, OFFSET.data.receiverIndex);
      if (remoteIndex !== this.remoteIndex) {
        this.remoteIndex = remoteIndex;
        this.answeredAt = undefined;
      }
    }
  }
}
