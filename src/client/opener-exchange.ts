import { createHash } from 'node:crypto';
import { openRawSocket, type RawSocket } from '../socket/raw-socket.js';
import type { Endpoint, Family } from '../wire/endpoint.js';
import { type PublicKey, parsePublicKey } from '../wire/key.js';
import {
  decodeOpener,
  encodeOpener,
  OPENER_FIRST_WORD,
  OPENER_LENGTH,
  OPENER_TAG_LENGTH,
  type OpenerContent,
} from '../wire/opener.js';
import type { Device } from '../wireguard/device.js';
import type { OutgoingOpener } from './connect-attempt.js';
import type { Problems } from './problems.js';
import { traceDatagram } from './trace.js';

const FAMILIES: readonly Family[] = [4, 6];
const TAG_CONTEXT = 'wg-rendezvous opener 1';
/** Sockets that were not needed for this long are closed: their filters see all UDP packets of the host. */
const IDLE_MS = 30_000;
/** Tags of peers that are gone are forgotten when this many more are kept than there are peers. */
const SPARE_TAGS = 64;

/** The tags of one peer: `own` is ours for it, `theirs` the hexadecimal text of its tag for us. */
interface Tags {
  readonly own: Uint8Array;
  readonly theirs: string;
}

export interface OpenerExchangeOptions {
  /** A secret that only this host and the peer know; undefined where there is none. */
  secretWith(peer: PublicKey): Uint8Array | undefined;
  /** An opener of the peer with this base64 key arrived. */
  heard(key: string, from: Endpoint, opener: OpenerContent): void;
  readonly problems: Problems;
}

/** Sends openers to peers from WireGuard's own port, and receives theirs: one raw socket for each family. */
export class OpenerExchange {
  readonly #options: OpenerExchangeOptions;
  readonly #sockets = new Map<Family, RawSocket>();
  readonly #tags = new Map<string, Tags>();
  readonly #senders = new Map<string, string>();
  #device: Device | undefined;
  #settings = '';
  #usedAt = Number.NEGATIVE_INFINITY;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(options: OpenerExchangeOptions) {
    this.#options = options;
  }

  /**
   * Takes the interface as read last: its port, mark and key. What was opened for others is closed.
   * @param now milliseconds of the clock of `send`
   */
  use(device: Device | undefined, now: number): void {
    const settings = device && `${device.listenPort} ${device.fwmark} ${device.publicKey}`;
    if (settings !== this.#settings) {
      this.#settings = settings ?? '';
      this.#forgetTags();
      this.#shut();
    } else if (now - this.#usedAt > IDLE_MS) {
      this.#shut();
    }
    if (this.#tags.size > (device?.peers.length ?? 0) + SPARE_TAGS) {
      this.#forgetTags();
    }
    this.#device = device;
  }

  /**
   * Sends an opener to the peer with this base64 key. A failed send is ignored: another one follows, and a
   * host without a route to an endpoint tries the next one.
   */
  send(key: string, { to, ...content }: OutgoingOpener, now: number): void {
    this.#usedAt = now;
    const tags = this.#tagsOf(key);
    const socket = tags && this.#socket(to.family);
    if (tags !== undefined && socket !== undefined) {
      const trace = { kind: 'probe', endpoint: to, bytes: OPENER_LENGTH, peer: key } as const;
      try {
        socket.send(encodeOpener({ ...content, tag: tags.own }), to);
        traceDatagram({ ...trace, way: 'sent', text: content.intent });
      } catch (error) {
        // As above.
        traceDatagram({ ...trace, way: 'failed', text: (error as Error).message });
      }
    }
  }

  async close(): Promise<void> {
    this.#shut();
    await this.#closing;
  }

  #socket(family: Family): RawSocket | undefined {
    const open = this.#sockets.get(family);
    if (open !== undefined || this.#device === undefined) {
      return open;
    }
    const { listenPort, fwmark } = this.#device;
    const { problems } = this.#options;
    try {
      const socket = openRawSocket({
        rule: {
          family,
          source: undefined,
          listenPort,
          payloadLengths: [OPENER_LENGTH],
          firstWord: OPENER_FIRST_WORD,
        },
        mark: fwmark,
        onPayload: (payload, from) => this.#received(payload, from),
        onError: ({ message }) => problems.raise('openers', `openers are not received: ${message}`),
      });
      this.#sockets.set(family, socket);
      problems.clear('openers');
      return socket;
    } catch (error) {
      const { message } = error as Error;
      problems.raise('openers', `connecting takes longer, as no openers can be sent: ${message}`);
      return undefined;
    }
  }

  #received(payload: Uint8Array, from: Endpoint): void {
    const opener = decodeOpener(payload);
    const key = opener && this.#senders.get(Buffer.from(opener.tag).toString('hex'));
    const isOurs = opener !== undefined && key !== undefined;
    traceDatagram({
      way: isOurs ? 'received' : 'ignored',
      kind: 'probe',
      endpoint: from,
      bytes: payload.length,
      peer: key,
      ...(opener && { text: opener.intent }),
    });
    if (isOurs) {
      this.#options.heard(key, from, opener);
    }
  }

  #tagsOf(key: string): Tags | undefined {
    const known = this.#tags.get(key);
    const own = this.#device?.publicKey;
    if (known !== undefined || own === undefined) {
      return known;
    }
    const peer = parsePublicKey(key);
    const secret = this.#options.secretWith(peer);
    const tags = {
      own: tag(secret, own, peer),
      theirs: Buffer.from(tag(secret, peer, own)).toString('hex'),
    };
    secret?.fill(0);
    this.#tags.set(key, tags);
    this.#senders.set(tags.theirs, key);
    return tags;
  }

  #forgetTags(): void {
    this.#tags.clear();
    this.#senders.clear();
  }

  #shut(): void {
    for (const family of FAMILIES) {
      const socket = this.#sockets.get(family);
      this.#sockets.delete(family);
      if (socket !== undefined) {
        this.#closing = Promise.all([this.#closing, socket.close()]);
      }
    }
  }
}

/** The tag of openers from one peer to another: SHA-256 of the context, the secret, and both keys, cut. */
function tag(secret: Uint8Array | undefined, from: PublicKey, to: PublicKey): Uint8Array {
  const hash = createHash('sha256').update(TAG_CONTEXT);
  if (secret !== undefined) {
    hash.update(secret);
  }
  return hash.update(from).update(to).digest().subarray(0, OPENER_TAG_LENGTH);
}
