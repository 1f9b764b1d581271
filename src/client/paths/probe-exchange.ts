import { openRawSocket, type RawSocket } from '../../socket/raw-socket.js';
import { type Endpoint, FAMILIES, type Family, formatEndpoint } from '../../wire/endpoint.js';
import { type PublicKey, parsePublicKey } from '../../wire/key.js';
import { type Intent, PROBE_FIRST_WORD, PROBE_LENGTH, type Probe } from '../../wire/probe.js';
import type { Device } from '../../wireguard/device.js';
import type { Problems } from '../problems.js';
import { traceDatagram } from '../trace.js';
import { type ProbeContent, ProbeKeys, senderOf } from './probe-keys.js';

/**
 * Without a connected or wanted peer that is probed, sockets are closed after this long: their filters see
 * all UDP packets of the host.
 */
const IDLE_MS = 30_000;
/** Keys of peers that are gone are forgotten when this many more are kept than there are peers. */
const SPARE_KEYS = 64;

/** A probe to send: a response where it has an observed endpoint. */
export interface OutgoingProbe {
  readonly to: Endpoint;
  readonly intent: Intent;
  readonly transaction: number;
  readonly observed?: Endpoint;
  /** @default the system's */
  readonly ttl?: number;
}

/** A probe that arrived, authenticated and new. */
export interface IncomingProbe {
  readonly from: Endpoint;
  readonly intent: Intent;
  readonly transaction: number;
  readonly observed?: Endpoint | undefined;
}

export interface ProbeExchangeOptions {
  /** When this run began, in milliseconds since 1970 UTC. */
  readonly run: number;
  /** A secret that only this host and the peer know; undefined where there is none. */
  secretWith(peer: PublicKey): Uint8Array | undefined;
  /** The run of the peer with this base64 key, as it said through the server; undefined if it did not. */
  runOf(key: string): number | undefined;
  /** A probe of the peer with this base64 key arrived. */
  heard(key: string, probe: IncomingProbe): void;
  readonly problems: Problems;
}

/** Sends probes to peers from WireGuard's own port, and receives theirs: one raw socket for each family. */
export class ProbeExchange {
  readonly #options: ProbeExchangeOptions;
  readonly #sockets = new Map<Family, RawSocket>();
  readonly #keys = new Map<string, ProbeKeys>();
  /** Base64 keys of the peers by the name in their probes. */
  readonly #senders = new Map<string, string>();
  #device: Device | undefined;
  #settings = '';
  #usedAt = Number.NEGATIVE_INFINITY;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(options: ProbeExchangeOptions) {
    this.#options = options;
  }

  /**
   * Takes the interface as read last: its port, mark and key. What was opened for others is closed.
   * @param isListening whether probes of peers are to be received although none was sent lately
   * @param now milliseconds of the clock of `send`
   */
  use(device: Device | undefined, isListening: boolean, now: number): void {
    const settings = device && `${device.listenPort} ${device.fwmark} ${device.publicKey}`;
    if (settings !== this.#settings) {
      this.#settings = settings ?? '';
      this.#forgetKeys();
      this.#shut();
    } else if (!isListening && now - this.#usedAt > IDLE_MS) {
      this.#shut();
    }
    if (this.#keys.size > (device?.peers.length ?? 0) + SPARE_KEYS) {
      this.#forgetKeys();
    }
    this.#device = device;
  }

  /** From now on, recognizes probes of the peer with this base64 key. */
  expect(key: string): void {
    if (this.#keysOf(key) !== undefined) {
      for (const family of FAMILIES) {
        this.#socket(family);
      }
    }
  }

  /**
   * Sends a probe to the peer with this base64 key. A failed send is ignored: another one follows, and a host
   * without a route to an endpoint tries the next one.
   */
  send(key: string, { to, intent, transaction, observed, ttl }: OutgoingProbe, now: number): void {
    this.#usedAt = now;
    const keys = this.#keysOf(key);
    const socket = keys && this.#socket(to.family);
    if (keys !== undefined && socket !== undefined) {
      const { run } = this.#options;
      const content: ProbeContent = {
        intent,
        run,
        transaction,
        ...(observed === undefined ? {} : { observed }),
      };
      const text = `${probeText(intent, observed)}${ttl === undefined ? '' : `, TTL ${ttl}`}`;
      const trace = { kind: 'probe', endpoint: to, bytes: PROBE_LENGTH, peer: key } as const;
      try {
        socket.send(keys.seal(content), to, ttl);
        traceDatagram({ ...trace, way: 'sent', text });
      } catch (error) {
        // As above.
        traceDatagram({ ...trace, way: 'failed', text: `${text}: ${(error as Error).message}` });
      }
    }
  }

  /** Seals a probe that is not sent from WireGuard's port; undefined without keys of the peer. */
  seal(key: string, content: Omit<ProbeContent, 'run'>): Uint8Array | undefined {
    const { run } = this.#options;
    return this.#keysOf(key)?.seal({ ...content, run });
  }

  /** Opens a probe of the peer that did not arrive at WireGuard's port; undefined if it is none, or old. */
  open(key: string, payload: Uint8Array): Probe | undefined {
    return this.#keysOf(key)?.open(payload, this.#options.runOf(key));
  }

  /** This host's address towards an endpoint. Throws the system's error, or an Error without a socket. */
  localAddress(to: Endpoint): string {
    const socket = this.#socket(to.family);
    if (socket === undefined) {
      throw new Error('there is no raw socket');
    }
    return socket.localAddress(to);
  }

  async close(): Promise<void> {
    this.#shut();
    this.#forgetKeys();
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
          payloadLengths: [PROBE_LENGTH],
          firstWord: PROBE_FIRST_WORD,
        },
        mark: fwmark,
        onPayload: (payload, from) => this.#received(payload, from),
        onError: ({ message }) => problems.raise('probes', `probes are not received: ${message}`),
      });
      this.#sockets.set(family, socket);
      problems.clear('probes');
      return socket;
    } catch (error) {
      const { message } = error as Error;
      problems.raise('probes', `connecting takes longer, as no probes can be sent: ${message}`);
      return undefined;
    }
  }

  #received(payload: Uint8Array, from: Endpoint): void {
    const sender = senderOf(payload);
    const key = sender && this.#senders.get(sender);
    const probe = key && this.#keys.get(key)?.open(payload, this.#options.runOf(key));
    const bytes = payload.length;
    if (!key || !probe) {
      traceDatagram({ way: 'ignored', kind: 'probe', endpoint: from, bytes, peer: key });
    } else {
      const { intent, transaction, observed } = probe;
      const text = probeText(intent, observed);
      traceDatagram({ way: 'received', kind: 'probe', endpoint: from, bytes, peer: key, text });
      this.#options.heard(key, { from, intent, transaction, observed });
    }
  }

  #keysOf(key: string): ProbeKeys | undefined {
    const known = this.#keys.get(key);
    const own = this.#device?.publicKey;
    if (known !== undefined || own === undefined) {
      return known;
    }
    const peer = parsePublicKey(key);
    const secret = this.#options.secretWith(peer);
    const keys = new ProbeKeys(secret, own, peer);
    secret?.fill(0);
    this.#keys.set(key, keys);
    this.#senders.set(keys.theirName, key);
    return keys;
  }

  #forgetKeys(): void {
    for (const keys of this.#keys.values()) {
      keys.wipe();
    }
    this.#keys.clear();
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

/** A response says where the request came from. */
function probeText(intent: Intent, observed: Endpoint | undefined): string {
  return observed === undefined
    ? `request, ${intent}`
    : `response, ${intent}, seen at ${formatEndpoint(observed)}`;
}
