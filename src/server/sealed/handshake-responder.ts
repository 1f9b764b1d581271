import { diffieHellmanCounts } from '../../sealed/diffie-hellman.js';
import {
  type OpenedInitiation,
  openInitiation,
  type TransportKeys,
} from '../../sealed/handshake.js';
import type { KeyPair } from '../../sealed/key-pair.js';
import { wipe } from '../../sealed/wipe.js';
import { NO_REPLY } from '../../socket/datagram-batch.js';
import { readUint32 } from '../../wire/byte-order.js';
import { MESSAGE_LENGTH, NOISE_LENGTH, OFFSET, writeResponse } from '../../wire/sealed.js';
import { encodeResponsePayload, STATUS, type Status } from '../../wire/sealed-response.js';
import { compareTai64n } from '../../wire/tai64n.js';
import type { AllowList } from './allow-list.js';
import type { Client } from './client.js';
import type { Directory } from './directory.js';
import type { Incoming } from './incoming.js';
import type { SealedCounts } from './sealed-counts.js';
import type { Session } from './session.js';
import type { Sessions } from './sessions.js';

const COUNT = {
  [STATUS.welcome]: 'welcomed',
  [STATUS.notAllowed]: 'notAllowed',
  [STATUS.staleTimestamp]: 'staleTimestamp',
  [STATUS.full]: 'full',
} as const;

export interface ResponderOptions {
  readonly key: KeyPair;
  readonly ttlMs: number;
  readonly maxWanted: number;
  /** Milliseconds since 1970 UTC. */
  wallClock(): number;
}

/** Opens admitted initiations, decides about them, and answers. */
export class HandshakeResponder {
  /** Who may register; everybody when it is undefined. */
  allow: AllowList | undefined;
  private readonly keyWords = new Uint32Array(8);
  private readonly keyBytes = new Uint8Array(this.keyWords.buffer);

  constructor(
    private readonly options: ResponderOptions,
    private readonly directory: Directory,
    private readonly sessions: Sessions,
    private readonly counts: SealedCounts,
    /** A session waits to be confirmed. */
    private readonly opened: (session: Session) => void,
  ) {}

  /** Writes the response in place; returns its length or NO_REPLY. */
  respond(incoming: Incoming, now: number): number {
    const before = diffieHellmanCounts.shared;
    const noiseAt = incoming.at + OFFSET.initiation.noise;
    const noise = incoming.payload.subarray(noiseAt, noiseAt + NOISE_LENGTH.initiation);
    const initiation = openInitiation(this.options.key, noise);
    const length = initiation === undefined ? NO_REPLY : this.answer(initiation, incoming, now);
    if (length === NO_REPLY) {
      this.counts.handshakesBroken++;
    }
    this.counts.diffieHellman += diffieHellmanCounts.shared - before;
    return length;
  }

  private answer(initiation: OpenedInitiation, incoming: Incoming, now: number): number {
    this.keyBytes.set(initiation.clientKey);
    const known = this.directory.find(this.keyWords, 0);
    const refusal = this.refusal(initiation, known);
    const client =
      known ?? (refusal ? undefined : this.directory.add(this.keyWords, 0, incoming.sourceHash));
    const status = refusal ?? (client === undefined ? STATUS.full : STATUS.welcome);
    const responded = initiation.respond(this.payload(status, known));
    if (responded === undefined) {
      if (client !== known && client !== undefined) {
        this.directory.forget(client);
      }
      return NO_REPLY;
    }
    this.counts[COUNT[status]]++;
    let number = 0;
    if (status === STATUS.welcome && client !== undefined) {
      client.timestamp.set(initiation.timestamp);
      number = this.open(client, responded.keys, incoming, now);
    } else {
      wipe(responded.keys.send, responded.keys.receive);
    }
    writeResponse(incoming.payload, incoming.at, theirs(incoming), number, responded.noise);
    return MESSAGE_LENGTH.response;
  }

  private open(client: Client, keys: TransportKeys, incoming: Incoming, now: number): number {
    const session = this.sessions.open(client, theirs(incoming), keys, incoming.path(now), now);
    this.opened(session);
    return session.number;
  }

  private refusal(initiation: OpenedInitiation, known: Client | undefined): Status | undefined {
    if (this.allow?.has(initiation.clientKey) === false) {
      return STATUS.notAllowed;
    }
    const isStale =
      known !== undefined && compareTai64n(initiation.timestamp, 0, known.timestamp, 0) <= 0;
    return isStale ? STATUS.staleTimestamp : undefined;
  }

  private payload(status: Status, known: Client | undefined): Uint8Array {
    const { ttlMs, maxWanted, wallClock } = this.options;
    return encodeResponsePayload({
      status,
      ttlSeconds: Math.ceil(ttlMs / 1000),
      maxWanted,
      clockMs: wallClock(),
      latest: status === STATUS.staleTimestamp ? known?.timestamp : undefined,
    });
  }
}

/** The number by which the client names the session it asks for. */
function theirs({ payload, at }: Incoming): number {
  return readUint32(payload, at + OFFSET.initiation.sender);
}
