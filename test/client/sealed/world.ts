import type { PeerUpdate } from '../../../src/client/sealed/peer-updates.js';
import { SealedClient } from '../../../src/client/sealed/sealed-client.js';
import { generateKeyPair, type KeyPair } from '../../../src/sealed/key-pair.js';
import type { SealedHandlerOptions } from '../../../src/server/sealed/sealed-handler.js';
import { type Family, formatEndpoint, parseEndpoint } from '../../../src/wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../../../src/wire/key.js';
import { isBound } from '../../../src/wire/relay.js';
import {
  type Candidate,
  NAT_LENGTH,
  type PeerCandidates,
} from '../../../src/wire/sealed-candidates.js';
import { RelayWorld } from '../../server/relay/relay-world.js';
import { SealedRendezvous } from '../../server/sealed/sealed-rendezvous.js';

/** Steps of the clock, while datagrams are on their way and otherwise. */
const STEP_MS = 10;
const IDLE_STEP_MS = 50;
const WALL = 1_700_000_000_000;
const ONE_WAY_MS = 10;

/** The fate of a datagram: a copy arrives after each of these delays, in milliseconds. */
export type Fate = (datagram: Datagram) => readonly number[];

export interface Datagram {
  readonly from: string;
  readonly to: string;
  readonly payload: Uint8Array;
}

/** The server's address, as clients know it. */
export const SERVER = parseEndpoint('192.0.2.1:49918');

/** A host with a sealed client, and an address of each family. */
export class Node {
  /** Its public key in base64. */
  readonly key: string;
  client: SealedClient;
  /** The latest update of each peer. */
  readonly known = new Map<string, PeerUpdate>();
  /** Its wall clock, less the server's. */
  clockAheadMs = 0;
  families: readonly Family[] = [4];
  /** The server's address that it sends to, for each family. @default `server` */
  readonly serverAt = new Map<Family, string>();
  /** When each datagram was sent, and its bytes. */
  readonly sent: { readonly at: number; readonly payload: Uint8Array }[] = [];
  /** What WireGuard got from relay ports. */
  readonly relayed: { readonly at: number; readonly payload: Uint8Array }[] = [];
  /** Its mapping towards relay ports, where that is another one. */
  relayPlace: string | undefined;
  isSuspended = false;
  /** Whether it waits for a peer. */
  isWaiting = false;
  /** `pingIntervalMs` of the clients that it begins. */
  pingIntervalMs: number | undefined;
  /** Its client has not worked yet. */
  isFresh = true;

  constructor(
    readonly world: World,
    readonly places: Record<Family, string>,
    readonly keys: KeyPair = generateKeyPair(),
    serverKey: PublicKey = world.server.key.publicKey,
  ) {
    this.key = formatPublicKey(keys.publicKey);
    this.client = this.begin(serverKey);
  }

  get publicKey(): PublicKey {
    return this.keys.publicKey;
  }

  /** Begins a new client, as after a restart of the program. */
  begin(server = this.world.server.key.publicKey): SealedClient {
    this.known.clear();
    this.isFresh = true;
    this.client = new SealedClient({
      own: this.keys,
      server,
      randomNumber: () => this.world.randomNumber(),
      send: (family, message) => {
        const payload = message.slice();
        this.sent.push({ at: this.world.now, payload });
        const to = this.serverAt.get(family) ?? 'server';
        this.world.send({ from: this.places[family], to, payload });
        return true;
      },
      updated: (key) => {
        const update = this.client.update(key);
        if (update !== undefined) {
          this.known.set(key, update);
        }
      },
      sendBind: (to, message) => this.toRelay(to.port, message.slice()),
      pingIntervalMs: this.pingIntervalMs,
    });
    return this.client;
  }

  want(...peers: readonly Node[]): this {
    const wanted = peers.map((peer) => [peer.key, { publicKey: peer.publicKey }] as const);
    this.client.want(new Map(wanted));
    return this;
  }

  /** The endpoint of the peer in its latest update. */
  finds(peer: Node, family: Family = 4): string | undefined {
    const news = this.known.get(peer.key);
    const found = family === 4 ? news?.ipv4 : news?.ipv6;
    return found && formatEndpoint(found);
  }

  wall(): number {
    return WALL + this.world.now + this.clockAheadMs;
  }

  work(): void {
    this.isFresh = false;
    this.client.useFamilies(this.families);
    this.client.isWaiting = this.isWaiting;
    this.client.useRelayServer(SERVER);
    this.client.work(this.world.now, this.wall());
  }

  /** Sends a datagram to a relay port, from WireGuard's port. */
  toRelay(port: number, payload: Uint8Array): void {
    this.world.send({ from: this.relayPlace ?? this.places[4], to: `relay:${port}`, payload });
  }

  /** What arrived from a relay port: an answer to a bind, or a datagram of the peer. */
  hearRelay(port: number, payload: Uint8Array): void {
    if (isBound(payload, 0, payload.length)) {
      this.client.receivedBound({ ...SERVER, port }, payload, this.world.now);
    } else {
      this.relayed.push({ at: this.world.now, payload });
    }
  }

  hear(family: Family, payload: Uint8Array): void {
    this.client.received(family, payload, this.world.now, this.wall());
  }
}

/** A server, clients, and the network between them, on one fake clock. */
export class World {
  server: SealedRendezvous;
  /** Where the server relays. */
  relay: RelayWorld | undefined;
  /** The server is down: nothing is answered. */
  isServerDown = false;
  fate: Fate = () => [ONE_WAY_MS];
  readonly nodes: Node[] = [];
  readonly #options: Partial<SealedHandlerOptions>;
  #queue: { at: number; datagram: Datagram }[] = [];
  #numbers = 1;

  constructor(
    options: Partial<SealedHandlerOptions> = {},
    private readonly relays = false,
  ) {
    this.#options = options;
    this.relay = relays ? new RelayWorld({}, options) : undefined;
    this.server = this.relay?.server ?? new SealedRendezvous(options);
  }

  get now(): number {
    return this.server.now;
  }

  randomNumber(): number {
    this.#numbers += 1;
    return Math.imul(this.#numbers, 0x9e3779b1) >>> 0;
  }

  /** Adds a client; its n-th has the addresses 198.51.100.n and 2001:db8::n. */
  node(keys?: KeyPair, serverKey?: PublicKey): Node {
    const n = this.nodes.length + 1;
    const places = {
      4: `198.51.${100 + (n >> 8)}.${n & 255}:51820`,
      6: `[2001:db8::${n.toString(16)}]:51820`,
    };
    const node = new Node(this, places, keys, serverKey);
    this.nodes.push(node);
    return node;
  }

  /** Restarts the server with the same key: it knows no client any more. */
  restartServer(): void {
    const { key, now, nextNumber } = this.server;
    this.relay = this.relays ? new RelayWorld({}, { ...this.#options, key }) : undefined;
    this.server = this.relay?.server ?? new SealedRendezvous({ ...this.#options, key });
    Object.assign(this.server, { key });
    this.server.now = now;
    // No session of the new one has an index of the old one's, as with 32 random bits.
    this.server.nextNumber = nextNumber;
  }

  send(datagram: Datagram): void {
    for (const delay of this.fate(datagram)) {
      this.#queue.push({ at: this.now + delay, datagram });
    }
  }

  /** Lets time pass. */
  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.#step();
      this.server.wait(Math.min(this.#queue.length > 0 ? STEP_MS : IDLE_STEP_MS, end - this.now));
      this.#sendFromServer();
    }
    this.#step();
  }

  /** Lets time pass until a condition holds; the milliseconds that it took, or an Error after the limit. */
  runUntil(condition: () => boolean, limitMs = 60_000): number {
    const start = this.now;
    while (!condition()) {
      if (this.now - start > limitMs) {
        throw new Error(`not so within ${limitMs} ms`);
      }
      this.run(STEP_MS);
    }
    return this.now - start;
  }

  #step(): void {
    for (const node of this.nodes.filter(({ isSuspended }) => !isSuspended)) {
      if (node.client.nextAt <= this.now || node.isFresh) {
        node.work();
      }
    }
    const due = this.#queue.filter(({ at }) => at <= this.now);
    this.#queue = this.#queue.filter(({ at }) => at > this.now);
    for (const { datagram } of due.sort((a, b) => a.at - b.at)) {
      this.#arrive(datagram);
    }
  }

  #arrive({ from, to, payload }: Datagram): void {
    if (this.isServerDown && /^(server|relay)/.test(to)) {
      return;
    }
    if (to.startsWith('relay:')) {
      const port = Number(to.slice('relay:'.length));
      for (const sent of this.relay?.send(port, from, payload.slice()) ?? []) {
        this.send({ from: to, to: sent.to, payload: sent.payload.slice() });
      }
      return;
    }
    if (to.startsWith('server')) {
      const { address, port } = parseEndpoint(from);
      const reply = this.server.ask(address, port, payload.slice());
      if (reply !== undefined) {
        this.send({ from: to, to: from, payload: reply.slice() });
      }
      this.#sendFromServer();
      return;
    }
    if (from.startsWith('relay:')) {
      const node = this.nodes.find(({ relayPlace, places }) => (relayPlace ?? places[4]) === to);
      node?.hearRelay(Number(from.slice('relay:'.length)), payload);
      return;
    }
    const family = to.startsWith('[') ? 6 : 4;
    this.nodes
      .find(({ places, isSuspended }) => places[family] === to && !isSuspended)
      ?.hear(family, payload);
  }

  #sendFromServer(): void {
    for (const { to, payload } of this.server.takeSent()) {
      this.send({ from: 'server', to, payload: payload.slice() });
    }
  }
}

/** What a client that began at the epoch says of its host's addresses. */
export function hosts(...texts: string[]): PeerCandidates {
  const candidates = texts.map(
    (text): Candidate => ({ type: 'host', endpoint: parseEndpoint(text) }),
  );
  return { run: 0, nat: new Uint8Array(NAT_LENGTH), candidates };
}
