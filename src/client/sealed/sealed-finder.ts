import { randomBytes } from 'node:crypto';
import { sharedSecret } from '../../sealed/diffie-hellman.js';
import { generateKeyPair, type KeyPair } from '../../sealed/key-pair.js';
import { type Endpoint, FAMILIES, type Family, formatEndpoint } from '../../wire/endpoint.js';
import { formatPublicKey, type PublicKey } from '../../wire/key.js';
import type { Candidate } from '../../wire/sealed-candidates.js';
import type { Device } from '../../wireguard/device.js';
import { clock } from '../boot-clock.js';
import type { Answer, Finder, FinderContext, FinderFactory } from '../finder.js';
import { localEndpoints } from '../host-addresses.js';
import { ObservedAddress, observedText } from '../observed-address.js';
import type { ObservingServer } from '../paths/observing-server.js';
import { SavedAddresses } from '../saved-addresses.js';
import { locate, ServerLocator, type ServerName } from '../server-locator.js';
import { serverView } from '../status/server-view.js';
import type { ServerView } from '../status/status.js';
import { ATTEMPTS_PER_TURN, SILENT_RESOLVE_INTERVAL_MS } from '../timing.js';
import { traceDecision } from '../trace.js';
import { Wake } from '../wake.js';
import { OwnKeys } from './own-keys.js';
import { PeerRelays } from './peer-relays.js';
import type { PeerUpdate } from './peer-updates.js';
import { RelayChannels } from './relay-channels.js';
import { SealedClient } from './sealed-client.js';
import { followServer, ServerChannels } from './server-channels.js';
import { reportStatus } from './server-status.js';

/** How long to wait for the acknowledgement of bye. */
const LEAVE_LIMIT_MS = 900;

/** A server and its public key. */
export interface SealedServer extends ServerName {
  readonly key: PublicKey;
}

/** What the finders of all servers have in common. */
export interface SealedFinderOptions {
  readonly interfaceName: string;
  /** Say bye at the end, so that peers know at once; else the registration stays until it expires. */
  readonly leaves: boolean;
  /** Whether peers without a direct path are relayed, where the server does that. @default true */
  readonly relay?: boolean;
  /** Between the last message to the server and a ping; for NATs with short timers. @default 25 000 ms */
  readonly refreshMs?: number | undefined;
}

/**
 * Finds peers through rendezvous servers, by the sealed protocol: one finder for each server. The finders share
 * the interface's keys.
 * Throws a RangeError when a server's key is one with which nobody can share a secret.
 */
export function sealedFinders(
  servers: readonly SealedServer[],
  options: SealedFinderOptions,
): FinderFactory[] {
  for (const { key } of servers) {
    try {
      sharedSecret(key, generateKeyPair().secretKey);
    } catch (cause) {
      throw new RangeError('not a key that a server can have', { cause });
    }
  }
  const keys = new SharedKeys(options.interfaceName);
  return servers.map((server) => (context) => new SealedFinder(server, options, keys, context));
}

/** The keys of the interface, for all who open them; overwritten when the last has closed them. */
class SharedKeys {
  readonly #interfaceName: string;
  #keys: OwnKeys | undefined;
  #users = 0;

  constructor(interfaceName: string) {
    this.#interfaceName = interfaceName;
  }

  /** @param changed of the first who opens them */
  open(changed: () => void): OwnKeys {
    this.#users++;
    if (this.#keys === undefined) {
      this.#keys = new OwnKeys(this.#interfaceName, changed);
      this.#keys.prefetch();
    }
    return this.#keys;
  }

  close(): void {
    if (--this.#users === 0) {
      this.#keys?.close();
    }
  }
}

/** Runs a sealed client over raw sockets, from WireGuard's own port. */
class SealedFinder implements Finder {
  readonly #server: SealedServer;
  readonly #options: SealedFinderOptions;
  readonly #sharedKeys: SharedKeys;
  readonly #context: FinderContext;
  readonly #locator: ServerLocator;
  readonly #keys: OwnKeys;
  readonly #channels: ServerChannels;
  readonly #relayChannels: RelayChannels;
  readonly #relays = new PeerRelays();
  readonly #heard = new Wake();
  readonly #observed: ObservedAddress;
  #client: SealedClient | undefined;
  /** The key pair of the client. */
  #own: KeyPair | undefined;
  #isRefreshDue = false;
  #offeredPort = 0;
  /** The NATs and the mapping that peers were sent. */
  #offeredOutside = '';
  #hasAnswered = false;
  #advanceAfter = 2 * ATTEMPTS_PER_TURN;

  constructor(
    server: SealedServer,
    options: SealedFinderOptions,
    keys: SharedKeys,
    context: FinderContext,
  ) {
    this.#server = server;
    this.#options = options;
    this.#sharedKeys = keys;
    this.#context = context;
    this.#locator = new ServerLocator(server, () => context.wake(), {
      saved: new SavedAddresses(server.host),
    });
    this.#observed = new ObservedAddress(context.problems, context.peers);
    // Both take about as long as the first inspection of the interface, and run beside it.
    this.#keys = keys.open(() => context.wake());
    this.#locator.poll(clock.now());
    this.#channels = new ServerChannels(
      (...received) => this.#received(...received),
      (address) => this.#skip(address),
      context.problems,
      context.openSocket,
    );
    this.#relayChannels = new RelayChannels((from, message) => {
      this.#client?.receivedBound(from, message, clock.now());
      context.wake();
    }, context.problems);
  }

  work(device: Device | undefined, now: number): void {
    this.#locator.isAnswering = this.#client?.isEstablished ?? false;
    locate(this.#locator, this.#context.problems, now);
    if (device?.publicKey === undefined) {
      void this.#channels.close();
      void this.#relayChannels.close();
      return;
    }
    const client = this.#clientOf(device.publicKey, now);
    followServer(client, this.#locator, this.#channels, device, now);
    if (client !== undefined) {
      this.#configure(client, device, now);
      this.#relay(client, device, now);
      client.work(now, Date.now());
      this.#report(client, now);
    }
  }

  nextWorkAt(_now: number): number {
    const isOpen = this.#channels.open.length > 0;
    const client = isOpen ? this.#client?.nextAt : undefined;
    return Math.min(client ?? Number.POSITIVE_INFINITY, this.#keys.nextAt);
  }

  get serverEndpoints(): readonly Endpoint[] {
    return FAMILIES.flatMap((family) => this.#locator.endpointOf(family) ?? []);
  }

  get hasAnswered(): boolean {
    this.#hasAnswered ||= this.#client?.isEstablished ?? false;
    return this.#hasAnswered;
  }

  /** The server pushes an endpoint to the peers that want it when it answers its holder. */
  readonly isSimultaneous = true;

  get outside(): readonly string[] {
    return (this.#client?.observed ?? []).map(({ address }) => address);
  }

  /** In the session, the server reports where it sees this host. */
  readonly observing: ObservingServer = {
    endpoint: (family) =>
      this.#client?.isEstablished && this.#channels.open.includes(family)
        ? this.#locator.endpointOf(family)
        : undefined,
    seenFrom: (family) => this.#client?.observed.find((it) => it.family === family),
    otherPort: () => this.#client?.otherPort ?? 0,
    seenElsewhere: () => [],
    seenAt: (family) => this.#client?.observedAt(family),
    question: () => this.#client?.question(),
    send: (family, message) => this.#channels.send(family, message),
    takeAnswers: () => this.#client?.takeAnswers() ?? [],
    open: (message) => this.#client?.openAnswer(message),
  };
  get observed(): readonly Endpoint[] {
    return this.#client?.observed ?? [];
  }

  get roundTripMs(): number | undefined {
    return this.#client?.roundTripMs;
  }

  get serverHops(): number | undefined {
    return this.#channels.hops;
  }

  get servers(): ServerView[] {
    const client = this.#client;
    const isSilent = client?.isStalled || (client?.status.unanswered ?? 0) > ATTEMPTS_PER_TURN;
    const view = serverView('sealed', this.#server, this.#locator, isSilent, this.roundTripMs);
    return [{ ...view, publicKey: formatPublicKey(this.#server.key) }];
  }

  relaysTo(key: string): boolean | undefined {
    return this.#options.relay === false ? false : this.#client?.relaysTo(key);
  }

  secretWith(peer: PublicKey): Uint8Array | undefined {
    try {
      return this.#own && sharedSecret(peer, this.#own.secretKey);
    } catch {
      // A key of low order, with which WireGuard makes no session either.
      return undefined;
    }
  }

  refreshNow(): void {
    this.#locator.routesChanged();
    this.#isRefreshDue = true;
  }

  async close(): Promise<void> {
    if (this.#options.leaves && this.#client !== undefined) {
      await this.#leave(this.#client);
    }
    this.#client?.wipe();
    this.#sharedKeys.close();
    await Promise.all([this.#channels.close(), this.#relayChannels.close()]);
  }

  async #leave(client: SealedClient): Promise<void> {
    const end = clock.now() + LEAVE_LIMIT_MS;
    client.leave(clock.now());
    for (let left = LEAVE_LIMIT_MS; left > 0 && !client.isOver; ) {
      if (this.#channels.open.length === 0) {
        return;
      }
      const now = clock.now();
      await this.#heard.wait(Math.max(0, Math.min(end, client.nextAt) - now));
      left = end - clock.now();
      client.work(clock.now(), Date.now());
    }
  }

  /** The client with the interface's key; undefined until that is read. */
  #clientOf(publicKey: PublicKey, now: number): SealedClient | undefined {
    const { problems } = this.#context;
    if (formatPublicKey(publicKey) === formatPublicKey(this.#server.key)) {
      problems.raise(
        'server-key',
        "--server-key is this interface's own key: it has to be the server's, which wg-rendezvous pubkey prints",
      );
      this.#end();
      return undefined;
    }
    const own = this.#keys.pairOf(publicKey, now);
    if (this.#keys.error === undefined) {
      problems.clear('private-key');
    } else {
      problems.raiseError('private-key', this.#keys.error);
    }
    if (own !== this.#own) {
      this.#end();
      this.#client = own && this.#begin(own);
      this.#own = own;
    }
    return this.#client;
  }

  #begin(own: KeyPair): SealedClient {
    this.#offeredPort = 0;
    return new SealedClient({
      own,
      server: this.#server.key,
      randomNumber: () => randomBytes(4).readUInt32LE(),
      send: (family, message) => this.#channels.send(family, message),
      updated: (key) => {
        traceDecision(
          () => `${this.#server.host} says ${updateText(this.#client?.update(key))}`,
          key,
        );
        this.#pass(key, clock.now());
      },
      moved: () => this.#context.moved(),
      ...(this.#options.relay !== false && {
        sendBind: (to, message) => this.#relayChannels.send(to, message),
      }),
      pingIntervalMs: this.#options.refreshMs,
    });
  }

  #end(): void {
    this.#client?.wipe();
    this.#client = undefined;
    this.#own = undefined;
  }

  /** Passes on the peers and local addresses. */
  #configure(client: SealedClient, { listenPort }: Device, now: number): void {
    const { peers } = this.#context;
    client.want(peers);
    client.isWaiting = [...peers.values()].some((peer) => !peer.isAlive(now));
    if (this.#isRefreshDue) {
      client.refresh();
    }
    const { nat, mapped } = this.#context;
    const outside = `${Buffer.from(nat()).toString('hex')} ${mapped()?.port}`;
    if (
      this.#isRefreshDue ||
      listenPort !== this.#offeredPort ||
      outside !== this.#offeredOutside
    ) {
      this.#offeredOutside = outside;
      this.#isRefreshDue = false;
      this.#offeredPort = listenPort;
      const hosts = localEndpoints(listenPort, this.#options.interfaceName);
      client.setLocalCandidates({
        run: this.#context.run,
        nat: nat(),
        candidates: localCandidates(hosts, mapped()),
      });
    }
  }

  /** Asks for relays where peers need them. */
  #relay(client: SealedClient, device: Device, now: number): void {
    if (this.#options.relay === false) {
      return;
    }
    const { peers, problems } = this.#context;
    const family = client.freshestFamily;
    client.useRelayServer(family && this.#locator.endpointOf(family));
    this.#relayChannels.use(device, client.relayFamilies);
    this.#relays.follow(client, peers, this.#server.host, problems, now);
  }

  #received(family: Family, payload: Uint8Array): void {
    const now = clock.now();
    this.#context.problems.clear('socket');
    this.#client?.received(family, payload, now, Date.now());
    this.#heard.notify();
    this.#context.wake();
  }

  /** This host has no route to an address. Returns whether there is another one. */
  #skip(server: Endpoint): boolean {
    const isOther = this.#locator.unreachable(server, clock.now());
    if (isOther) {
      this.#context.wake();
    }
    return isOther;
  }

  #report(client: SealedClient, now: number): void {
    reportStatus(this.#context.problems, this.#server, client, this.#channels.isFailing);
    const { unanswered } = client.status;
    if (unanswered === 0) {
      this.#advanceAfter = 2 * ATTEMPTS_PER_TURN;
    } else if (unanswered >= this.#advanceAfter) {
      this.#advanceAfter = unanswered + 2 * ATTEMPTS_PER_TURN;
      this.#locator.advance(now + SILENT_RESOLVE_INTERVAL_MS);
    }
    this.#reportObserved(client, now);
    if (client.isEstablished) {
      this.#passAll(now);
    }
  }

  /** One family in which peers elsewhere can use what the server sees is enough. */
  #reportObserved(client: SealedClient, now: number): void {
    const seen = client.observed.flatMap((observed) => {
      const server = this.#locator.endpointOf(observed.family);
      return server === undefined ? [] : [{ server, observed }];
    });
    const isGood = seen.some(
      ({ server, observed }) => observedText(server, observed) === undefined,
    );
    const [first] = isGood ? [] : seen;
    this.#observed.report(first?.server, first?.observed, now);
  }

  /** An update holds until the next one, also for a peer that was alive meanwhile and ignored it then. */
  #passAll(now: number): void {
    for (const [key, peer] of this.#context.peers) {
      if (!peer.isAlive(now)) {
        this.#pass(key, now);
      }
    }
  }

  #pass(key: string, now: number): void {
    const peer = this.#context.peers.get(key);
    const update = this.#client?.update(key);
    if (peer !== undefined && update !== undefined) {
      const isSeenOverIpv6 = this.#client?.isRegistered(6, now) ?? false;
      peer.answered(answerOf(update, isSeenOverIpv6));
      peer.offered(update.candidates);
    }
  }
}

function localCandidates(hosts: readonly Endpoint[], mapped: Endpoint | undefined): Candidate[] {
  const candidates: Candidate[] = hosts.map((endpoint) => ({ type: 'host', endpoint }));
  // First: there is always room for it.
  return mapped === undefined
    ? candidates
    : [{ type: 'port-mapped', endpoint: mapped }, ...candidates];
}

function updateText(update: PeerUpdate | undefined): string {
  const { ipv4, ipv6, candidates } = update ?? {};
  const seen = [ipv6, ipv4].flatMap((one) => (one === undefined ? [] : [formatEndpoint(one)]));
  const offered = candidates?.candidates ?? [];
  const local = offered.map(({ endpoint }) => formatEndpoint(endpoint)).join(', ');
  return `${seen.join(', ') || 'unknown'}${local && `, local addresses ${local}`}`;
}

/** IPv6 first where both have it; it is also tried where the peer has nothing else. */
function answerOf({ ipv4, ipv6 }: PeerUpdate, isSeenOverIpv6: boolean): Answer {
  if (ipv4 === undefined) {
    return ipv6 === undefined ? 'unknown' : [ipv6];
  }
  return ipv6 === undefined || !isSeenOverIpv6 ? [ipv4] : [ipv6, ipv4];
}
