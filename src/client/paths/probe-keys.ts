import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { ReplayWindow } from '../../sealed/replay-window.js';
import type { PublicKey } from '../../wire/key.js';
import {
  decodeProbe,
  encodeProbe,
  PROBE_LENGTH,
  PROBE_TAG_LENGTH,
  type Probe,
  probeParts,
  SENDER_LENGTH,
} from '../../wire/probe.js';

const KEY_CONTEXT = 'wg-rendezvous probe 1';
const SENDER_CONTEXT = 'wg-rendezvous probe sender 1';

/** A probe without what its keys add. */
export type ProbeContent = Omit<Probe, 'sender'>;

/** The keys of the probes to and from one peer, and what was received of it. */
export class ProbeKeys {
  /** The sender's name in the probes of the peer, as hexadecimal text. */
  readonly theirName: string;
  readonly #ownName: Uint8Array;
  readonly #ownKey: Uint8Array;
  readonly #theirKey: Uint8Array;
  #run = Number.NEGATIVE_INFINITY;
  #window = new ReplayWindow();

  /**
   * @param secret the X25519 secret of both keys; undefined in protocols that have none, where everyone who
   *   knows both public keys can make a probe
   */
  constructor(secret: Uint8Array | undefined, own: PublicKey, peer: PublicKey) {
    this.#ownName = derive(SENDER_CONTEXT, secret, own, peer).subarray(0, SENDER_LENGTH);
    this.#ownKey = derive(KEY_CONTEXT, secret, own, peer);
    this.#theirKey = derive(KEY_CONTEXT, secret, peer, own);
    const theirName = derive(SENDER_CONTEXT, secret, peer, own).subarray(0, SENDER_LENGTH);
    this.theirName = theirName.toString('hex');
  }

  /** Encodes and authenticates a probe to the peer. */
  seal(content: ProbeContent): Uint8Array {
    const bytes = encodeProbe({ ...content, sender: this.#ownName });
    const parts = probeParts(bytes);
    parts.tag.set(tagOf(this.#ownKey, parts.content));
    return bytes;
  }

  /**
   * Opens a probe of the peer. A request is refused when it is of an earlier run of the peer, or came before:
   * it was captured and repeated.
   * @param knownRun the peer's run as it said itself, through the server; undefined where it said none
   */
  open(bytes: Uint8Array, knownRun: number | undefined): Probe | undefined {
    const probe = bytes.length === PROBE_LENGTH ? decodeProbe(bytes) : undefined;
    if (probe === undefined || !this.#isAuthentic(bytes)) {
      return undefined;
    }
    this.#follow(knownRun);
    if (probe.run < this.#run) {
      return undefined;
    }
    if (probe.observed !== undefined) {
      // A response is new where its request is unanswered, which the check list knows.
      return probe;
    }
    this.#follow(probe.run);
    if (!this.#window.isNew(probe.transaction)) {
      return undefined;
    }
    this.#window.add(probe.transaction);
    return probe;
  }

  /** Overwrites the keys. */
  wipe(): void {
    this.#ownKey.fill(0);
    this.#theirKey.fill(0);
  }

  #follow(run: number | undefined): void {
    if (run !== undefined && run !== this.#run) {
      this.#run = run;
      this.#window = new ReplayWindow();
    }
  }

  #isAuthentic(bytes: Uint8Array): boolean {
    const { content, tag } = probeParts(bytes);
    return timingSafeEqual(tag, tagOf(this.#theirKey, content));
  }
}

/** The name of a probe's sender, as hexadecimal text; undefined when the bytes are no probe. */
export function senderOf(bytes: Uint8Array): string | undefined {
  const probe = decodeProbe(bytes);
  return probe && Buffer.from(probe.sender).toString('hex');
}

/** HMAC-SHA-256, truncated. */
function tagOf(key: Uint8Array, content: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(content).digest().subarray(0, PROBE_TAG_LENGTH);
}

/** SHA-256 of the context, the secret, and both keys: 32 bytes. */
function derive(
  context: string,
  secret: Uint8Array | undefined,
  from: PublicKey,
  to: PublicKey,
): Buffer {
  const hash = createHash('sha256').update(context);
  if (secret !== undefined) {
    hash.update(secret);
  }
  return hash.update(from).update(to).digest();
}
