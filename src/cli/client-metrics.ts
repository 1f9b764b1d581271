import { collectDefaultMetrics, Registry } from 'prom-client';
import type { ClientEvent } from '../client/client.js';
import type { PathKind } from '../client/paths/remote-candidate.js';
import type { PeerState, PeerView } from '../client/peer-track.js';
import type { Topic } from '../client/problems.js';
import type { ServerView } from '../client/status/status.js';
import { type DatagramKind, observeTraces, type Trace, type Way } from '../client/trace.js';
import { counter, gauge, gauges, total } from '../metrics/metric-kinds.js';
import {
  type MetricsServer,
  type MetricsServerOptions,
  openMetricsServer,
} from '../metrics/metrics-server.js';
import { formatPublicKey } from '../wire/key.js';

const PATHS: readonly PathKind[] = ['lan', 'direct', 'hard-nat', 'relay'];
const STATES: readonly PeerState[] = ['connected', 'connecting', 'unknown', 'asking'];
const KINDS: readonly DatagramKind[] = ['request', 'probe'];
const WAYS: readonly Way[] = ['sent', 'received', 'failed', 'ignored'];

/** Handshake times are whole seconds: a later one is at least this much later. */
const HANDSHAKE_STEP_MS = 900;

/** What is read of a client when it is scraped. */
export interface MeasuredClient {
  readonly peers: readonly PeerView[];
  readonly servers: readonly ServerView[];
  readonly hasAnswered: boolean;
  /** Bytes that relays carried; absent while there is none. */
  readonly relayedBytes?: { readonly sent: number; readonly received: number } | undefined;
}

/** The metrics of a client: its current state, and counts since its start. */
export class ClientMetrics {
  readonly #client: MeasuredClient;
  readonly #now: () => number;
  /** Open problems: topics, and the servers that have one. */
  readonly #open = new Map<Topic, Set<string>>();
  readonly #datagrams = new Map<string, { datagrams: number; bytes: number }>();
  /** When each peer had its last handshake, by key; of peers that are managed. */
  #handshakesAt = new Map<string, number>();
  #handshakes = 0;
  #changes = 0;
  readonly #stopTraces: () => void;

  /** @param now milliseconds of a clock that does not go back */
  constructor(client: MeasuredClient, now: () => number = () => performance.now()) {
    this.#client = client;
    this.#now = now;
    for (const kind of KINDS) {
      for (const way of WAYS) {
        this.#datagrams.set(`${kind} ${way}`, { datagrams: 0, bytes: 0 });
      }
    }
    this.#stopTraces = observeTraces((trace) => this.#count(trace));
  }

  /** Takes in a view of the client. */
  observe(event: ClientEvent): void {
    switch (event.type) {
      case 'problem':
        this.#open.set(event.topic, new Set(this.#open.get(event.topic)).add(event.server ?? ''));
        break;
      case 'solved':
        this.#solved(event.topic, event.server ?? '');
        break;
      case 'changed':
        this.#changes++;
        break;
      case 'peers':
        this.#observeHandshakes(event.peers);
        break;
    }
  }

  /** Serves the metrics over HTTP until the server is closed. Rejects as openMetricsServer does. */
  async open(options: Omit<MetricsServerOptions, 'registry' | 'isReady'>): Promise<MetricsServer> {
    // A client is ready when it can use its interface.
    const isReady = () => !this.#open.has('interface');
    const server = await openMetricsServer({ ...options, isReady, registry: this.registry() });
    const close = async (): Promise<void> => {
      this.#stopTraces();
      await server.close();
    };
    return { address: server.address, close, [Symbol.asyncDispose]: close };
  }

  /** All metrics, each read when it is asked for. */
  registry(): Registry {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    this.#addPeers(registry);
    this.#addServer(registry);
    const datagrams = (field: 'datagrams' | 'bytes') => () =>
      [...this.#datagrams].map(([name, counts]) => {
        const [kind, way] = name.split(' ') as [string, string];
        return { labels: { kind, way }, value: counts[field] };
      });
    counter(
      registry,
      'client_datagrams_total',
      'Datagrams between this client and servers (request) and peers (probe)',
      datagrams('datagrams'),
    );
    counter(registry, 'client_datagram_bytes_total', 'Their UDP payload', datagrams('bytes'));
    total(registry, 'client_changes_total', 'Changes of peers by wg set', () => this.#changes);
    this.#addRelay(registry);
    return registry;
  }

  #addPeers(registry: Registry): void {
    gauges(registry, 'client_peers', 'Managed peers by state and path', ['state', 'path'], () =>
      this.#peerCounts(),
    );
    const measured = (read: (peer: PeerView) => number | undefined) => () =>
      this.#client.peers.flatMap((peer) => {
        const ms = read(peer);
        const labels = { peer: peer.name, public_key: formatPublicKey(peer.publicKey) };
        return ms === undefined ? [] : [{ labels, value: ms / 1000 }];
      });
    const labels = ['peer', 'public_key'];
    gauges(
      registry,
      'client_peer_round_trip_seconds',
      'Round trip to a peer, where it was measured',
      labels,
      measured(({ roundTripMs }) => roundTripMs),
    );
    gauges(
      registry,
      'client_peer_handshake_age_seconds',
      'Time since the last handshake with a peer',
      labels,
      measured(({ handshakeAgeMs }) => handshakeAgeMs),
    );
    total(registry, 'client_handshakes_total', 'Handshakes of WireGuard with its peers', () => {
      return this.#handshakes;
    });
  }

  #addServer(registry: Registry): void {
    const servers = (read: (server: ServerView) => number | undefined) => () =>
      this.#client.servers.flatMap((server) => {
        const value = read(server);
        return value === undefined ? [] : [{ labels: { server: server.name }, value }];
      });
    gauges(
      registry,
      'client_server_round_trip_seconds',
      'Round trip to a server, where it was measured',
      ['server'],
      servers(({ roundTripMs }) => roundTripMs && roundTripMs / 1000),
    );
    gauges(
      registry,
      'client_server_up',
      'Whether a server answers',
      ['server'],
      servers(({ state }) => (state === 'answers' ? 1 : 0)),
    );
    gauge(registry, 'client_server_answered', 'Whether a server has answered so far', () => {
      return this.#client.hasAnswered ? 1 : 0;
    });
    gauges(registry, 'client_problems', 'Open problems by topic', ['topic'], () =>
      [...this.#open].map(([topic, servers]) => ({ labels: { topic }, value: servers.size })),
    );
  }

  #solved(topic: Topic, server: string): void {
    const servers = this.#open.get(topic);
    servers?.delete(server);
    if (servers?.size === 0) {
      this.#open.delete(topic);
    }
  }

  /** Only if there is a relay. */
  #addRelay(registry: Registry): void {
    if (this.#client.relayedBytes !== undefined) {
      counter(registry, 'client_relay_bytes_total', 'Bytes that a relay carried', () => {
        const { sent = 0, received = 0 } = this.#client.relayedBytes ?? {};
        return [
          { labels: { way: 'sent' }, value: sent },
          { labels: { way: 'received' }, value: received },
        ];
      });
    }
  }

  #peerCounts() {
    const counts = new Map<string, number>();
    for (const state of STATES) {
      for (const path of state === 'connected' ? PATHS : ['none']) {
        counts.set(`${state} ${path}`, 0);
      }
    }
    for (const peer of this.#client.peers) {
      const name = `${peer.state} ${peer.path ?? 'none'}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...counts].map(([name, value]) => {
      const [state, path] = name.split(' ') as [string, string];
      return { labels: { state, path }, value };
    });
  }

  #count(trace: Trace): void {
    if (trace.type === 'datagram') {
      const counts = this.#datagrams.get(`${trace.kind} ${trace.way}`);
      if (counts !== undefined) {
        counts.datagrams++;
        counts.bytes += trace.bytes;
      }
    }
  }

  /** A handshake that the first look finds does not belong to this run. */
  #observeHandshakes(peers: readonly PeerView[]): void {
    const now = this.#now();
    const known = this.#handshakesAt;
    this.#handshakesAt = new Map();
    for (const { publicKey, handshakeAgeMs } of peers) {
      const key = formatPublicKey(publicKey);
      const at = handshakeAgeMs === undefined ? Number.NEGATIVE_INFINITY : now - handshakeAgeMs;
      const before = known.get(key);
      if (before !== undefined && at > before + HANDSHAKE_STEP_MS) {
        this.#handshakes++;
      }
      this.#handshakesAt.set(key, at);
    }
  }
}
