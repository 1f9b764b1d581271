import { interfaceIsUp } from '../socket/interface-flags.js';
import { hasUdpPort } from '../socket/network-namespace.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';
import type { Device, PeerConfig } from '../wireguard/device.js';
import { describeNotReady, inspect, type Readiness } from '../wireguard/readiness.js';
import { readDevice, setPeers } from '../wireguard/wg-tool.js';
import { clock } from './boot-clock.js';
import { isInTunnel } from './endpoint-refusal.js';
import type { Finder, FinderFactory } from './finder.js';
import { HostAddresses } from './host-addresses.js';
import { ProbeExchange } from './paths/probe-exchange.js';
import { PeerBook } from './peer-book.js';
import type { PeerView } from './peer-track.js';
import { Problems, type Topic } from './problems.js';
import { MIN_WAIT_MS, NOT_READY_POLL_MS } from './timing.js';
import { Wake } from './wake.js';

export interface ClientOptions {
  readonly interfaceName: string;
  /** How the client learns where its peers are. */
  readonly finder: FinderFactory;
  /** Stop as soon as every peer has a fresh handshake. */
  readonly once: boolean;
  /** Stop after so many milliseconds; undefined = never. */
  readonly timeoutMs: number | undefined;
  /** Seconds for peers without a keepalive of their own; 0 = none. */
  readonly keepalive: number;
  /** Whether a peer that never connected may be removed and added again, to have WireGuard send at once. */
  readonly replace: boolean;
  /** Base64 keys of the only peers to manage; undefined = all. */
  readonly only: ReadonlySet<string> | undefined;
}

/** What a client tells those who watch it. */
export type ClientEvent =
  | { readonly type: 'problem'; readonly topic: Topic; readonly text: string }
  | { readonly type: 'solved'; readonly topic: Topic }
  | { readonly type: 'changed'; readonly peer: PeerConfig }
  | { readonly type: 'peers'; readonly peers: readonly PeerView[] };

/** How a run ended: all connected (`once`), out of time, or told to stop. */
export type RunOutcome = 'connected' | 'timeout' | 'stopped';

/** Keeps the peers of an interface connected: reads WireGuard, has a finder ask, makes the changes. */
export class Client {
  readonly #options: ClientOptions;
  readonly #observe: (event: ClientEvent) => void;
  readonly #wake = new Wake();
  readonly #addresses = new HostAddresses();
  readonly #problems: Problems;
  readonly #book: PeerBook;
  readonly #finder: Finder;
  readonly #probes: ProbeExchange;
  #device: Device | undefined;
  #foundPort: number | undefined;
  #socketMisses = 0;
  #inspectedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ClientOptions, observe: (event: ClientEvent) => void) {
    this.#options = options;
    this.#observe = observe;
    this.#book = new PeerBook({
      keepalive: options.keepalive,
      replace: options.replace,
      roundTripMs: () => this.#peerRoundTripMs(),
      isSimultaneous: () => this.#finder.isSimultaneous ?? false,
      isSecret: () => this.#finder.secretWith !== undefined,
      outside: () => this.#finder.outside ?? [],
      server: () => this.#finder.serverEndpoint,
      isServerLocal: () => {
        const server = this.#finder.serverEndpoint;
        return server !== undefined && scopeOf(server.address) === SCOPE.loopback;
      },
      only: options.only,
      skip: (device) => this.#finder.skips?.(device),
    });
    this.#problems = new Problems((topic, text) =>
      observe(text === undefined ? { type: 'solved', topic } : { type: 'problem', topic, text }),
    );
    const run = Date.now();
    this.#finder = options.finder({
      run,
      moved: () => this.#book.moved(clock.now()),
      peers: this.#book.peers,
      problems: this.#problems,
      wake: () => {
        // At once: the client's own turn may be waiting for `wg`.
        this.#sendProbes();
        this.#wake.notify();
      },
    });
    this.#probes = new ProbeExchange({
      run,
      problems: this.#problems,
      secretWith: (peer) => this.#finder.secretWith?.(peer),
      runOf: (key) => this.#book.runOf(key),
      heard: (key, probe) => {
        if (this.#book.heard(key, probe, clock.now())) {
          this.#sendProbes();
          this.#wake.notify();
        }
      },
    });
  }

  /** Why peers may lack a handshake, as far as it is not the peers' own matter. */
  get problems(): string[] {
    return this.#problems.texts;
  }

  /** The managed peers as they stand now. */
  get peers(): PeerView[] {
    return this.#book.views(clock.now());
  }

  /**
   * Runs until told to stop, or, with `once`, until all peers are connected or the time is over.
   * WireGuard is left as it is. Throws what no retry can mend: no permission, no `wg` tool.
   */
  async run(signal: AbortSignal): Promise<RunOutcome> {
    const { once, timeoutMs } = this.#options;
    const end = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + timeoutMs;
    signal.addEventListener('abort', () => this.#wake.notify());
    try {
      while (!signal.aborted) {
        await this.#step();
        if (once && this.#device !== undefined && this.#book.allAlive(clock.now())) {
          return 'connected';
        }
        const now = clock.now();
        if (now >= end) {
          return 'timeout';
        }
        await this.#wake.wait(Math.min(this.#idleTime(now), end - now));
      }
      return 'stopped';
    } finally {
      await Promise.all([this.#finder.close(), this.#probes.close()]);
    }
  }

  async #step(): Promise<void> {
    if (clock.noticeSuspend() > 0) {
      // Others know an address of before, and WireGuard's sessions have aged.
      this.#inspectedAt = Number.NEGATIVE_INFINITY;
      this.#finder.refreshNow();
      this.#book.moved(clock.now());
    }
    const now = clock.now();
    if (now >= this.#nextInspectionAt(now)) {
      await this.#inspect();
    }
    this.#finder.work(this.#device, clock.now());
    this.#probes.use(this.#device, this.#listens, clock.now());
    if (this.#listens) {
      for (const key of this.#book.probed) {
        this.#probes.expect(key);
      }
    }
    this.#sendProbes();
    if (this.#book.takeSuspicion()) {
      this.#finder.refreshNow();
    }
    this.#tellPeers();
  }

  #sendProbes(): void {
    const now = clock.now();
    for (const [key, probe] of this.#book.probes(now)) {
      this.#probes.send(key, probe, now);
    }
  }

  /** With secrets of its peers a client answers their probes also while it is connected. */
  get #listens(): boolean {
    return this.#finder.secretWith !== undefined;
  }

  /** The way to a peer is taken for as long as two ways to the server. */
  #peerRoundTripMs(): number | undefined {
    const { roundTripMs } = this.#finder;
    return roundTripMs === undefined ? undefined : 2 * roundTripMs;
  }

  #tellPeers(): void {
    this.#observe({ type: 'peers', peers: this.peers });
  }

  /** Milliseconds until there is something to do, if nothing happens before. */
  #idleTime(now: number): number {
    const next = Math.min(
      this.#nextInspectionAt(now),
      this.#finder.nextWorkAt(now),
      this.#device === undefined ? Number.POSITIVE_INFINITY : this.#book.nextAt(now),
    );
    return Math.max(next - now, MIN_WAIT_MS);
  }

  #nextInspectionAt(now: number): number {
    const interval = this.#device === undefined ? NOT_READY_POLL_MS : this.#book.pollInterval(now);
    return this.#inspectedAt + interval;
  }

  async #inspect(): Promise<void> {
    const { interfaceName } = this.#options;
    try {
      const readiness = await inspect(
        () => interfaceIsUp(interfaceName),
        () => readDevice(interfaceName),
      );
      await this.#inspected(readiness);
    } catch (error) {
      this.#device = undefined;
      this.#problems.raiseError('interface', error as Error);
    } finally {
      this.#inspectedAt = clock.now();
    }
  }

  async #inspected({ device, reason }: Readiness): Promise<void> {
    const { interfaceName } = this.#options;
    this.#device = device;
    if (device === undefined) {
      if (reason === 'missing' || reason === 'no-peers') {
        this.#book.clear();
        this.#tellPeers();
      }
      this.#problems.raise('interface', describeNotReady(interfaceName, reason));
      return;
    }
    this.#problems.clear('interface');
    this.#findSocket(device);
    if (this.#addresses.haveChanged()) {
      this.#finder.refreshNow();
      this.#book.moved(clock.now());
    }
    const changes = this.#book.read(device, clock.now(), Date.now());
    this.#noticeMissing();
    this.#noticeRefusals(device);
    if (changes.length > 0) {
      await this.#change(changes);
    }
  }

  /**
   * WireGuard's UDP socket stays in the network namespace where the interface was created, and requests have
   * to leave from there. A socket that was just opened may need a moment: the second miss counts.
   */
  #findSocket({ listenPort }: Device): void {
    if (listenPort === this.#foundPort) {
      return;
    }
    if (hasUdpPort(listenPort)) {
      this.#foundPort = listenPort;
      this.#socketMisses = 0;
      this.#problems.clear('socket-namespace');
    } else if (++this.#socketMisses > 1) {
      const { interfaceName } = this.#options;
      this.#problems.raise(
        'socket-namespace',
        `no UDP socket of this network namespace has ${interfaceName}'s port ${listenPort}: ` +
          `WireGuard's socket is where ${interfaceName} was created, give that with --socket-namespace NAME|PID`,
      );
    }
  }

  #noticeRefusals({ peers }: Device): void {
    const { refusals } = this.#book;
    if (refusals.length > 0) {
      this.#problems.raise('endpoint', refusals.join('; '));
    } else {
      this.#problems.clear('endpoint');
    }
    const server = this.#finder.serverEndpoint;
    const allowedIps = peers.flatMap((peer) => peer.allowedIps);
    if (server !== undefined && isInTunnel(server.address, allowedIps)) {
      const { interfaceName } = this.#options;
      this.#problems.raise(
        'route',
        `the server's address ${server.address} lies inside ${interfaceName}'s AllowedIPs: use its public address`,
      );
    } else {
      this.#problems.clear('route');
    }
  }

  #noticeMissing(): void {
    const { missing, skipsAll } = this.#book;
    const { interfaceName } = this.#options;
    if (missing.length > 0) {
      const list = missing.join(', ');
      this.#problems.raise('peer', `${interfaceName} has no peer ${list}: add it, or drop --peer`);
    } else if (skipsAll) {
      const said = `${interfaceName} has no peer but the registry: add those that it is to connect`;
      this.#problems.raise('peer', said);
    } else {
      this.#problems.clear('peer');
    }
  }

  async #change(changes: readonly PeerConfig[]): Promise<void> {
    try {
      const made = await setPeers(this.#options.interfaceName, changes);
      this.#problems.clear('change');
      for (const peer of made) {
        this.#observe({ type: 'changed', peer });
      }
    } catch (error) {
      this.#book.changesFailed(clock.now());
      this.#problems.raiseError('change', error as Error);
    }
  }
}
