import { SHARE_PREFIX_BYTES, type Source } from '../../../src/limits/source.js';
import { hasBindMac, writeBindMac } from '../../../src/sealed/bind-mac.js';
import { RelayHandler, type RelayHandlerOptions } from '../../../src/server/relay/relay-handler.js';
import type { Want } from '../../../src/server/sealed/client-record.js';
import type { SealedHandlerOptions } from '../../../src/server/sealed/sealed-handler.js';
import { ADDRESS_WORDS, createDatagramBatch } from '../../../src/socket/datagram-batch.js';
import {
  addressFamily,
  endpoint,
  type Family,
  formatAddress,
  formatEndpoint,
  parseEndpoint,
} from '../../../src/wire/endpoint.js';
import type { PublicKey } from '../../../src/wire/key.js';
import {
  BIND_LENGTH,
  BIND_OFFSET,
  type BindingState,
  isBound,
  readBindCounter,
  readBindId,
  readBindingState,
  writeBind,
} from '../../../src/wire/relay.js';
import type { PeerEntry, RelayOffer } from '../../../src/wire/sealed-frame-reader.js';
import { FRAME } from '../../../src/wire/sealed-frames.js';
import { batchOf, replyIn } from '../requests.js';
import { SealedRendezvous, type Sent } from '../sealed/sealed-rendezvous.js';
import { TestClient } from '../sealed/test-client.js';

const CAPACITY = 128;
const STRIDE = 65_472;
const HASH_KEY = { low: 5, high: 6 };

export const FIRST_PORT = 50_000;

/** Of all worlds, so that a server that restarts does not repeat those before. */
let lastNumber = 1;

/** A datagram that the relay sent, and the port that it left from. */
export interface Relayed extends Sent {
  readonly port: number;
}

/** The pure part of a server that relays, on a fake clock: two sockets, of IPv4 and IPv6, for each port. */
export class RelayWorld {
  readonly server: SealedRendezvous;
  readonly relay: RelayHandler<Want>;
  readonly ports: number;
  private sent: Relayed[] = [];
  private readonly outgoing = createDatagramBatch(CAPACITY, STRIDE);

  constructor(
    options: Partial<RelayHandlerOptions> = {},
    sealed: Partial<SealedHandlerOptions> & { rate?: number; burst?: number } = {},
  ) {
    // The relay draws on the admission of the server, which is made with the relay.
    const holder: { server?: SealedRendezvous } = {};
    this.ports = options.ports ?? 4;
    this.relay = new RelayHandler<Want>(
      {
        firstPort: FIRST_PORT,
        ports: this.ports,
        rate: 0,
        totalRate: 0,
        sourceShare: 0.5,
        hashKey: HASH_KEY,
        randomNumber: () => Math.imul(lastNumber++, 0x9e3779b1) >>> 0,
        ...options,
        get admission() {
          return holder.server!.admission;
        },
      },
      1_000_000,
    );
    for (let index = 0; index < this.ports; index++) {
      for (const family of [4, 6] as const) {
        const { outgoing } = this;
        const port = FIRST_PORT + index;
        const flush = (count: number) => this.flush(count, port, family);
        this.relay.addSocket({ outgoing, flush }, port);
      }
    }
    this.server = new SealedRendezvous({ relay: this.relay, ...sealed });
    holder.server = this.server;
  }

  /** Sends datagrams to a relay port, as one batch; what the relay sends because of them. */
  deliver(
    port: number,
    datagrams: readonly { readonly from: string; readonly payload: Uint8Array }[],
  ): Relayed[] {
    const incoming = datagrams.map(({ from, payload }) => {
      const { address, port: fromPort } = parseEndpoint(from);
      return { from: address, port: fromPort, payload };
    });
    const family = addressFamily(incoming[0]!.from)!;
    const batch = batchOf(incoming, STRIDE, datagrams.length);
    const socket = 2 * (port - FIRST_PORT) + (family === 4 ? 0 : 1);
    this.relay.answer(batch, datagrams.length, family, socket, this.server.now);
    const direct = this.sent;
    this.sent = [];
    for (let slot = 0; slot < datagrams.length; slot++) {
      const payload = replyIn(batch, slot);
      if (payload !== undefined) {
        direct.push({ to: remoteIn(batch.addresses, slot, family), payload, port });
      }
    }
    return direct;
  }

  send(port: number, from: string, payload: Uint8Array): Relayed[] {
    return this.deliver(port, [{ from, payload }]);
  }

  private flush(count: number, port: number, family: 4 | 6): number {
    for (let slot = 0; slot < count; slot++) {
      const to = remoteIn(this.outgoing.addresses, slot, family);
      this.sent.push({ to, payload: replyIn(this.outgoing, slot)!, port });
    }
    return count;
  }
}

function remoteIn(addresses: Uint32Array, slot: number, family: 4 | 6): string {
  const at = slot * ADDRESS_WORDS;
  const bytes = new Uint8Array(
    addresses.buffer,
    addresses.byteOffset + at * 4,
    family === 4 ? 4 : 16,
  );
  return formatEndpoint(endpoint(formatAddress(bytes), addresses[at + 4]!));
}

/** A client that asks for relays and binds, without sockets and without patience. */
export class RelayedClient extends TestClient {
  private counter = 0;
  private boundId = 0;

  constructor(
    readonly relayWorld: RelayWorld,
    address: string,
    port = 51820,
    ...keys: ConstructorParameters<typeof TestClient>[3][]
  ) {
    super(relayWorld.server, address, port, ...(keys[0] === undefined ? [] : [keys[0]]));
  }

  /** Asks for a relay to these peers, and to no others any more; what the server answers about them. */
  askRelay(...keys: readonly PublicKey[]): readonly PeerEntry[] {
    const frame = this.exchange(
      this.seal((writer) => {
        writer.begin(FRAME.relay);
        for (const key of keys) {
          writer.addKey(key);
        }
      }),
    );
    const entries = frame?.kind === FRAME.peers ? [...frame.entries] : [];
    for (const { frame, counter } of this.takeSent()) {
      if (frame.kind === FRAME.peers && frame.push) {
        this.acknowledge(counter);
      } else if (frame.kind === FRAME.peers) {
        entries.push(...frame.entries);
      }
    }
    return entries;
  }

  /** A bind, with the next counter unless another is given. */
  makeBind(offer: RelayOffer, token?: Uint8Array, counter?: number): Uint8Array {
    if (offer.id !== this.boundId) {
      this.boundId = offer.id;
      this.counter = 0;
    }
    const bytes = new Uint8Array(BIND_LENGTH);
    this.counter = counter ?? this.counter + 1;
    writeBind(bytes, 0, offer.id, this.counter);
    if (token !== undefined) {
      bytes.set(token, BIND_OFFSET.token);
    }
    writeBindMac(bytes, 0, offer.key);
    return bytes;
  }

  /** Binds a source to the port of the offer, with its challenge; the state that the relay answered. */
  bind(offer: RelayOffer, from = this.endpoint): BindingState | undefined {
    const first = this.answerTo(offer, from, this.makeBind(offer));
    if (first === undefined || first.state !== 0) {
      return first?.state;
    }
    return this.answerTo(offer, from, this.makeBind(offer, first.token))?.state;
  }

  /** The answer to a bind, checked. */
  answerTo(offer: RelayOffer, from: string, bind: Uint8Array) {
    const answer = this.relayWorld
      .send(offer.port, from, bind)
      .find(({ to, payload }) => to === from && readBindId(payload, 0) === offer.id >>> 0)?.payload;
    if (answer === undefined) {
      return undefined;
    }
    const isGood =
      isBound(answer, 0, answer.length) &&
      answer.length <= bind.length &&
      hasBindMac(answer, 0, offer.key) &&
      readBindCounter(answer, 0) === readBindCounter(bind, 0);
    if (!isGood) {
      throw new Error('a bad answer to a bind');
    }
    const token = answer.slice(BIND_OFFSET.token, BIND_OFFSET.mac);
    return { state: readBindingState(answer, 0), token };
  }
}

/** Two clients that want each other, both with a relay port. */
export function relayedPair(
  world = new RelayWorld(),
  addresses: readonly [string, string] = ['198.51.100.7', '203.0.113.8'],
) {
  const a = new RelayedClient(world, addresses[0]);
  const b = new RelayedClient(world, addresses[1]);
  for (const client of [a, b]) {
    if (!client.connect()) {
      throw new Error('no session');
    }
  }
  a.want(b.publicKey);
  b.want(a.publicKey);
  a.takePushes();
  b.takePushes();
  const offerOfA = a.askRelay(b.publicKey)[0]?.relay;
  const offerOfB = b.askRelay(a.publicKey)[0]?.relay;
  if (offerOfA === undefined || offerOfB === undefined) {
    throw new Error('no relay');
  }
  return { world, a, b, offerOfA, offerOfB };
}

/** The same, with both bound to the ports from which they talk with the server. */
export function connectedPair(
  world?: RelayWorld,
  addresses?: readonly [string, string],
): ReturnType<typeof relayedPair> {
  const pair = relayedPair(world, addresses);
  pair.a.bind(pair.offerOfA);
  pair.b.bind(pair.offerOfB);
  return pair;
}

/** A source that shares no network with those of other numbers. */
export function distinctSource(number: number, family: Family = 4): Source {
  const hash = Math.imul(number, 0x9e3779b1) >>> 0;
  return { family, hashes: SHARE_PREFIX_BYTES[family].map(() => hash) };
}

/** A datagram of WireGuard by its type, of so many bytes, filled by its number. */
export function wireguard(type: 1 | 2 | 3 | 4, length: number, fill = 0): Uint8Array {
  const bytes = new Uint8Array(length).fill(fill);
  bytes.set([type, 0, 0, 0]);
  return bytes;
}
