import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerBook } from '../../src/client/peer-book.js';
import { type Endpoint, endpoint, formatEndpoint } from '../../src/wire/endpoint.js';
import { formatPublicKey, type PublicKey, publicKey } from '../../src/wire/key.js';
import type { Peer, PeerConfig } from '../../src/wireguard/device.js';
import { peer, WALL } from './bench.js';

const PEERS = 100;
const ROUND_TRIP_MS = 50;
/** What running `wg` takes, and from when on it is slow. */
const WG_MS = 10;
const SLOW_WG_MS = 50;
const LIMIT_MS = 3000;
/** The news of all peers arrives within this time. */
const LEARNING_MS = 100;
/** The hub's key is in the middle: it leads towards half of the peers. */
const HUB = 128;

type Packet =
  | { readonly type: 'probe'; readonly probe: Omit<Parameters<PeerBook['heard']>[1], 'from'> }
  | { readonly type: 'initiation' | 'response' };

/** Hosts behind cone NATs with the client's decisions, and the packets between them, on a clock of its own. */
class Internet {
  now = 0;
  readonly hosts = new Map<string, Host>();
  #events: { readonly at: number; readonly run: () => void }[] = [];

  /** Initiations that arrived while one of the receiver was under way. */
  crossings = 0;
  readonly #loss: number;
  #random = 1;

  /** @param loss share of packets lost, 0..1 */
  constructor(loss: number) {
    this.#loss = loss;
  }

  /** A number in 0..1, the same ones in each run. */
  random(): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 0x8000_0000;
    return this.#random / 0x8000_0000;
  }

  carry(from: Host, to: Endpoint, packet: Packet): void {
    if (this.random() < this.#loss) {
      return;
    }
    const at = this.now + ROUND_TRIP_MS / 2;
    this.at(at, () => this.hosts.get(formatEndpoint(to))?.arrive(from, packet));
  }

  at(at: number, run: () => void): void {
    this.#events.push({ at, run });
  }

  /** Lets a millisecond pass. */
  step(): void {
    this.now++;
    const due = this.#events.filter(({ at }) => at <= this.now);
    this.#events = this.#events.filter(({ at }) => at > this.now);
    for (const { run } of due) {
      run();
    }
    for (const host of this.hosts.values()) {
      host.turn();
    }
  }
}

class Host {
  readonly key: PublicKey;
  readonly outside: Endpoint;
  readonly #internet: Internet;
  readonly #book = new PeerBook({
    keepalive: 25,
    isSimultaneous: () => true,
    isSecret: () => true,
    roundTripMs: () => ROUND_TRIP_MS,
  });
  readonly #peers = new Map<string, Peer>();
  readonly #permitted = new Set<Host>();
  readonly #initiatedAt = new Map<Host, number>();
  readonly #wgMs: number;
  #readAt = Number.NEGATIVE_INFINITY;
  #pending: { readonly at: number; readonly changes: readonly PeerConfig[] } | undefined;

  constructor(internet: Internet, number: number, wgMs = WG_MS) {
    this.#internet = internet;
    this.#wgMs = wgMs;
    this.key = publicKey(new Uint8Array(32).fill(number));
    this.outside = endpoint(`198.51.100.${number}`, 51820);
    internet.hosts.set(formatEndpoint(this.outside), this);
  }

  get connected(): number {
    return [...this.#peers.values()].filter(({ latestHandshakeMs }) => latestHandshakeMs > 0)
      .length;
  }

  /** Makes a host a WireGuard peer of this one; the client has read that. */
  add({ key }: Host): void {
    this.#peers.set(formatPublicKey(key), peer({ publicKey: key, allowedIps: [] }));
    this.#read();
  }

  /** The server tells where a peer is. */
  learn({ key, outside }: Host): void {
    this.#book.peers.get(formatPublicKey(key))?.answered([outside]);
    this.#sendProbes();
  }

  arrive(from: Host, packet: Packet): void {
    if (!this.#permitted.has(from)) {
      return; // the NAT is closed
    }
    const { now } = this.#internet;
    if (packet.type === 'probe') {
      const probe = { ...packet.probe, from: from.outside };
      if (this.#book.heard(formatPublicKey(from.key), probe, now)) {
        this.#sendProbes();
      }
      return;
    }
    if (packet.type === 'initiation') {
      const own = this.#initiatedAt.get(from);
      this.#internet.crossings += own !== undefined && now - own < ROUND_TRIP_MS ? 1 : 0;
      this.#internet.carry(this, from.outside, { type: 'response' });
    }
    this.#change(from.key, { latestHandshakeMs: WALL + now, receivedBytes: 148 });
  }

  /** The client's loop: inspects WireGuard where that is due, and sends probes. */
  turn(): void {
    const { now } = this.#internet;
    if (this.#pending !== undefined) {
      if (now >= this.#pending.at) {
        const { changes } = this.#pending;
        this.#pending = undefined;
        for (const change of changes) {
          this.#set(change);
        }
        this.#book.changesMade(changes, now);
      }
    } else if (now >= this.#readAt + this.#book.pollInterval(now)) {
      const changes = this.#read();
      if (this.#wgMs > SLOW_WG_MS) {
        this.#send(this.#book.announcements(now));
      }
      this.#pending = { at: now + this.#wgMs, changes };
    }
    this.#sendProbes();
  }

  #read(): PeerConfig[] {
    const { now } = this.#internet;
    this.#readAt = now;
    const device = { publicKey: this.key, listenPort: 51820, fwmark: 0 };
    return this.#book.read({ ...device, peers: [...this.#peers.values()] }, now, WALL + now);
  }

  #set({ publicKey: key, endpoint: to, persistentKeepalive }: PeerConfig): void {
    this.#change(key, {
      ...(to && { endpoint: to }),
      ...(persistentKeepalive !== undefined && { persistentKeepalive }),
    });
    const peer = to && this.#internet.hosts.get(formatEndpoint(to));
    if (peer !== undefined) {
      this.#initiatedAt.set(peer, this.#internet.now);
      this.#sendTo(peer, { type: 'initiation' });
    }
  }

  #change(key: PublicKey, fields: Partial<Peer>): void {
    const text = formatPublicKey(key);
    this.#peers.set(text, { ...(this.#peers.get(text) as Peer), ...fields });
  }

  #sendProbes(): void {
    this.#send(this.#book.probes(this.#internet.now));
  }

  #send(probes: ReturnType<PeerBook['probes']>): void {
    for (const [, { to, ttl, ...probe }] of probes) {
      const peer = this.#internet.hosts.get(formatEndpoint(to));
      if (peer !== undefined && ttl === undefined) {
        this.#sendTo(peer, { type: 'probe', probe });
      }
    }
  }

  #sendTo(to: Host, packet: Packet): void {
    this.#permitted.add(to);
    this.#internet.carry(this, to.outside, packet);
  }
}

/** How long a hub needs to connect peers that wait for it, in ms, and the initiations that crossed. */
function connectHub(
  loss: number,
  wgMs = WG_MS,
): { readonly ms: number; readonly crossings: number } {
  const internet = new Internet(loss);
  const hub = new Host(internet, HUB, wgMs);
  const numbers = Array.from({ length: PEERS + 1 }, (_, i) => HUB - PEERS / 2 + i);
  const spokes = numbers.filter((one) => one !== HUB).map((one) => new Host(internet, one));
  for (const spoke of spokes) {
    hub.add(spoke);
    spoke.add(hub);
    // A push of the server: both sides of a pair learn of each other at the same moment.
    const at = internet.random() * LEARNING_MS;
    internet.at(at, () => hub.learn(spoke));
    internet.at(at, () => spoke.learn(hub));
  }
  while (hub.connected < PEERS && internet.now < LIMIT_MS) {
    internet.step();
  }
  return {
    ms: hub.connected < PEERS ? Number.POSITIVE_INFINITY : internet.now,
    crossings: internet.crossings,
  };
}

test('a hub connects 100 peers that wait for it within two round trips of the last news', () => {
  const { ms, crossings } = connectHub(0);
  assert.ok(ms <= LEARNING_MS + 2 * ROUND_TRIP_MS, `${ms} ms`);
  assert.equal(crossings, 0);
});

test('a hub connects 100 peers that wait for it within 3 s where one packet in twenty is lost', () => {
  const { ms, crossings } = connectHub(0.05);
  assert.ok(ms <= LIMIT_MS, `${ms} ms`);
  assert.equal(crossings, 0);
});

test('no initiation of a hub crosses one of its 100 peers, however long its `wg` takes', () => {
  for (const wgMs of [100, 200, 300, 400, 600, 1000, 2000]) {
    assert.equal(connectHub(0, wgMs).crossings, 0, `${wgMs} ms`);
    assert.equal(connectHub(0.02, wgMs).crossings, 0, `${wgMs} ms, with loss`);
  }
});
