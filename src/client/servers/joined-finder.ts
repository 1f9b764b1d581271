import { SocketPool } from '../../socket/socket-pool.js';
import { type Endpoint, FAMILIES, formatEndpoint, sameEndpoint } from '../../wire/endpoint.js';
import type { PublicKey } from '../../wire/key.js';
import type { Device } from '../../wireguard/device.js';
import type { Finder, FinderContext, FinderFactory, SoughtPeer } from '../finder.js';
import type { ObservingServer } from '../paths/observing-server.js';
import type { Problems } from '../problems.js';
import type { ServerView } from '../status/status.js';
import { joinObserving } from './joined-observing.js';
import { JoinedPeer } from './joined-peer.js';
import { relayServers } from './relay-choice.js';

/** One of several servers. */
export interface JoinedServer {
  /** The name shown to people; each is different. */
  readonly name: string;
  /** The place among servers that are asked for a relay: any text that peers have as well, such as its public key. */
  readonly rank: string;
  readonly finder: FinderFactory;
}

/**
 * Makes one finder of several of one kind: registers with all servers, believes the most recent answer about each peer,
 * and works while any one of them answers.
 */
export function joinedFinder(servers: readonly JoinedServer[]): FinderFactory {
  return (context) => new JoinedFinder(servers, context);
}

interface Part {
  readonly name: string;
  readonly finder: Finder;
  readonly problems: Problems;
  /** The peers as this server's finder sees them. */
  readonly peers: Map<string, SoughtPeer>;
}

class JoinedFinder implements Finder {
  readonly #context: FinderContext;
  readonly #parts: readonly Part[];
  /** The numbers of the servers in the order in which they are asked for relays. */
  readonly #order: readonly number[];
  readonly #peers = new Map<string, JoinedPeer>();
  readonly isSimultaneous: boolean;
  readonly observing?: ObservingServer;
  readonly secretWith?: (peer: PublicKey) => Uint8Array | undefined;

  constructor(servers: readonly JoinedServer[], context: FinderContext) {
    this.#context = context;
    const pool = new SocketPool();
    this.#parts = servers.map(({ name, finder }) => {
      const peers = new Map<string, SoughtPeer>();
      const problems = context.problems.of(name);
      const openSocket = pool.open.bind(pool);
      return { name, peers, problems, finder: finder({ ...context, peers, problems, openSocket }) };
    });
    this.#order = servers
      .map(({ rank }, server) => ({ rank, server }))
      .sort((a, b) => (a.rank < b.rank ? -1 : 1))
      .map(({ server }) => server);
    const finders = this.#finders;
    this.isSimultaneous = finders.every((finder) => finder.isSimultaneous === true);
    if (finders.every(({ secretWith }) => secretWith !== undefined)) {
      this.secretWith = (peer) => firstOf(finders, (finder) => finder.secretWith?.(peer));
    }
    const observing = finders.flatMap((finder) => finder.observing ?? []);
    if (observing.length > 0) {
      this.observing = joinObserving(observing);
    }
  }

  work(device: Device | undefined, now: number): void {
    this.#followPeers(now);
    this.#parts.forEach((part, i) => {
      const same = this.#parts.slice(0, i).find((other) => areSame(other.finder, part.finder));
      // Two sessions of one host would end each other again and again.
      part.finder.work(same === undefined ? device : undefined, now);
      if (same !== undefined) {
        const where = (part.finder.serverEndpoints ?? []).map(formatEndpoint).join(', ');
        part.problems.raise(
          'server',
          `${part.name} is the same server as ${same.name} (${where}): leave one of them out`,
        );
      }
    });
  }

  nextWorkAt(now: number): number {
    return Math.min(...this.#finders.map((finder) => finder.nextWorkAt(now)));
  }

  get hasAnswered(): boolean {
    return this.#finders.some(({ hasAnswered }) => hasAnswered);
  }

  get serverEndpoints(): readonly Endpoint[] {
    return this.#finders.flatMap(({ serverEndpoints = [] }) => serverEndpoints);
  }

  get servers(): readonly ServerView[] {
    return this.#finders.flatMap(({ servers = [] }) => servers);
  }

  /** To the nearest server that answers. */
  get roundTripMs(): number | undefined {
    const known = this.#finders.flatMap(({ roundTripMs }) => roundTripMs ?? []);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  roundTripMsFor(key: string): number | undefined {
    const server = this.#peers.get(key)?.news.newestServer;
    const part = server === undefined ? undefined : this.#parts[server];
    return part?.finder.roundTripMs ?? this.roundTripMs;
  }

  /** To the farthest: one beside this host says nothing of the way to peers. */
  get serverHops(): number | undefined {
    const known = this.#finders.flatMap(({ serverHops }) => serverHops ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  get outside(): readonly string[] {
    return [...new Set(this.#finders.flatMap(({ outside = [] }) => outside))];
  }

  get observed(): readonly Endpoint[] {
    const all = this.#finders.flatMap(({ observed = [] }) => observed);
    return FAMILIES.flatMap((family) => all.find((one) => one.family === family) ?? []);
  }

  refreshNow(): void {
    for (const finder of this.#finders) {
      finder.refreshNow();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#finders.map((finder) => finder.close()));
  }

  get #finders(): Finder[] {
    return this.#parts.map(({ finder }) => finder);
  }

  /** Sets the finders' peers to those that are managed now. */
  #followPeers(now: number): void {
    for (const [key, joined] of this.#peers) {
      if (this.#context.peers.get(key) !== joined.peer) {
        this.#peers.delete(key);
        for (const { peers } of this.#parts) {
          peers.delete(key);
        }
      }
    }
    for (const [key, peer] of this.#context.peers) {
      const joined =
        this.#peers.get(key) ??
        new JoinedPeer(peer, this.#parts.length, this.#order, () => this.#relaysTo(key), now);
      this.#peers.set(key, joined);
      this.#parts.forEach(({ peers }, server) => {
        if (!peers.has(key)) {
          peers.set(key, joined.seenBy(server));
        }
      });
      joined.follow(now);
    }
  }

  /** The servers to ask for a relay to a peer. */
  #relaysTo(key: string): number[] {
    return relayServers(
      this.#order.map((server) => ({
        server,
        isShared: this.#peers.get(key)?.news.isFoundBy(server) ?? false,
        relays: this.#parts[server]?.finder.relaysTo?.(key),
      })),
    );
  }
}

/** Whether two finders ask one server, as far as their addresses show. */
function areSame({ serverEndpoints: a = [] }: Finder, { serverEndpoints: b = [] }: Finder) {
  return a.some((one) => b.some((other) => sameEndpoint(one, other)));
}

function firstOf<T, R>(list: readonly T[], read: (one: T) => R | undefined): R | undefined {
  for (const one of list) {
    const found = read(one);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
