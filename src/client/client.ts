import { isDeepStrictEqual } from 'node:util';
import { defaultGateway } from '../socket/default-gateway.js';
import { interfaceIsUp } from '../socket/interface-flags.js';
import { hasUdpPort } from '../socket/network-namespace.js';
import { type Endpoint, FAMILIES, type Family, formatEndpoint } from '../wire/endpoint.js';
import { SCOPE, scopeOf } from '../wire/endpoint-scope.js';
import { formatPublicKey } from '../wire/key.js';
import type { Device, PeerConfig } from '../wireguard/device.js';
import { describeNotReady, inspect, type Readiness } from '../wireguard/readiness.js';
import { readDevice, setPeers } from '../wireguard/wg-tool.js';
import { clock } from './boot-clock.js';
import type { Finder, FinderFactory } from './finder.js';
import { HostAddresses } from './host-addresses.js';
import { forgetFlows, HardNatPaths } from './paths/hard-nat-paths.js';
import {
  encodeNatBehaviour,
  mappedPorts,
  type NatBehaviour,
  UNKNOWN_BEHAVIOUR,
} from './paths/nat-behaviour.js';
import { NatObserver } from './paths/nat-observer.js';
import { openerTtl } from './paths/opener-ttl.js';
import { PortMapping } from './paths/port-mapping.js';
import { type OutgoingProbe, ProbeExchange } from './paths/probe-exchange.js';
import { SurveyHold } from './paths/survey-hold.js';
import { SwitchOvers } from './paths/switch-over.js';
import { PeerBook } from './peer-book.js';
import type { OwnNat, PeerView } from './peer-track.js';
import { Problems, type Topic } from './problems.js';
import { readingPause } from './reading-pause.js';
import type { ServerName } from './server-locator.js';
import { type NatFacts, natFacts } from './status/nat-facts.js';
import type { ServerView } from './status/status.js';
import { MIN_WAIT_MS, NOT_READY_POLL_MS } from './timing.js';
import { traceDecision } from './trace.js';
import { Wake } from './wake.js';

/** So many ports show whether a NAT gives this host a small block, and so how many sockets are too many. */
const SURE_PORTS = 4;
/** Where a reading takes longer, peers hear of a handshake before WireGuard does. */
const SLOW_WG_MS = 50;

export interface ClientOptions {
  readonly interfaceName: string;
  /** How the client learns where its peers are. */
  readonly finder: FinderFactory;
  /** Stop as soon as every peer has a fresh handshake and the server has answered. */
  readonly once: boolean;
  /** With `once`: do not wait for the server. @default false */
  readonly peersOnly?: boolean;
  /** What the user calls peers, by base64 key; may change while the client runs. */
  readonly names?: ReadonlyMap<string, string>;
  /** Stop after so many milliseconds; undefined = never. */
  readonly timeoutMs: number | undefined;
  /** Seconds for peers without a keepalive of their own; 0 = none. */
  readonly keepalive: number;
  /** Whether a peer that never connected may be removed and added again, to have WireGuard send at once. */
  readonly replace: boolean;
  /** Base64 keys of the only peers to manage; undefined = all. */
  readonly only: ReadonlySet<string> | undefined;
  /** STUN servers that are asked how NATs map, besides the rendezvous server. @default none */
  readonly stunServers?: readonly ServerName[];
  /** Whether to get through NATs with endpoint-dependent mapping by many sockets. @default false */
  readonly hardNat?: boolean;
  /** Whether to ask the router to map WireGuard's port. @default false */
  readonly portMapping?: boolean;
}

/** What a client reports. */
export type ClientEvent =
  | {
      readonly type: 'problem';
      readonly topic: Topic;
      readonly text: string;
      /** The server that has the problem, if there are several. */
      readonly server?: string | undefined;
    }
  | { readonly type: 'solved'; readonly topic: Topic; readonly server?: string | undefined }
  | { readonly type: 'fact'; readonly text: string }
  | { readonly type: 'changed'; readonly peer: PeerConfig }
  | { readonly type: 'nat'; readonly family: Family; readonly text: string }
  | { readonly type: 'peers'; readonly peers: readonly PeerView[] };

/** How a run ended: all connected (`once`), timed out, or stopped. */
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
  readonly #nat: NatObserver;
  readonly #hardNat: HardNatPaths | undefined;
  readonly #mapping: PortMapping | undefined;
  #device: Device | undefined;
  #foundPort: number | undefined;
  #socketMisses = 0;
  /** Rules that an earlier run made for hard NATs are gone. */
  #isSwept = false;
  readonly #switchOvers: SwitchOvers;
  readonly #surveyHold = new SurveyHold();
  /** Until when the last step held the survey back; Infinity where it did not. */
  #surveyHeldUntil = Number.POSITIVE_INFINITY;
  /** What peers are sent about this host's NATs. */
  readonly #toldNat: Record<Family, NatBehaviour> = { 4: UNKNOWN_BEHAVIOUR, 6: UNKNOWN_BEHAVIOUR };
  /** Probes are sent as soon as what is running has ended. */
  #willProbe = false;
  #inspectedAt = Number.NEGATIVE_INFINITY;
  /** How long the last reading took. */
  #inspectionMs = 0;

  constructor(options: ClientOptions, observe: (event: ClientEvent) => void) {
    this.#options = options;
    this.#observe = observe;
    this.#book = new PeerBook({
      keepalive: options.keepalive,
      replace: options.replace,
      roundTripMs: (key) => this.#peerRoundTripMs(key),
      isSimultaneous: () => this.#finder.isSimultaneous ?? false,
      openerTtl: () => openerTtl(this.#finder.serverHops),
      isSecret: () => this.#finder.secretWith !== undefined,
      outside: () => this.#finder.outside ?? [],
      natBehaviour: (family) => this.#nat.behaviour(family),
      servers: () => this.#finder.serverEndpoints ?? [],
      isServerLocal: () =>
        this.#finder.serverEndpoints?.some(({ address }) => scopeOf(address) === SCOPE.loopback) ??
        false,
      only: options.only,
      ...(options.names && { names: options.names }),
      skip: (device) => this.#finder.skips?.(device),
    });
    this.#problems = new Problems(
      (topic, text, server) =>
        observe(
          text === undefined
            ? { type: 'solved', topic, server }
            : { type: 'problem', topic, text, server },
        ),
      (text) => observe({ type: 'fact', text }),
    );
    this.#nat = new NatObserver({
      stunServers: options.stunServers ?? [],
      problems: this.#problems,
      wake: () => this.#wake.notify(),
      changed: (family, text) => observe({ type: 'nat', family, text }),
    });
    this.#switchOvers = new SwitchOvers(options.interfaceName, (problem) =>
      this.#problems.report('switch-over', problem),
    );
    const run = Date.now();
    this.#finder = options.finder({
      run,
      moved: () => this.#book.moved(clock.now()),
      nat: () => Buffer.concat(FAMILIES.map((family) => encodeNatBehaviour(this.#toldNat[family]))),
      mapped: () => this.#mapping?.candidate(this.#outside(4)?.address),
      peers: this.#book.peers,
      problems: this.#problems,
      wake: () => {
        this.#probeSoon();
        this.#wake.notify();
      },
    });
    this.#probes = new ProbeExchange({
      run,
      problems: this.#problems,
      secretWith: (peer) => this.#finder.secretWith?.(peer),
      runOf: (key) => this.#book.runOf(key),
      heard: (key, probe) => {
        const counts = this.#book.heard(key, probe, clock.now());
        if (counts && probe.observed !== undefined && !this.#hardNat?.isMoved(probe.from)) {
          this.#nat.seenByPeer(probe.from, probe.observed, clock.now());
        }
        if (counts) {
          const now = clock.now();
          this.#send(this.#book.probesTo(key, now), now);
          this.#wake.notify();
        }
      },
    });
    if (options.hardNat === true) {
      this.#hardNat = new HardNatPaths({
        interfaceName: options.interfaceName,
        probes: this.#probes,
        problems: this.#problems,
        nextTransaction: () => this.#book.nextTransaction(),
        now: () => clock.now(),
        isLost: (remote) => this.#book.isLost(remote, clock.now()),
        opened: (key) => {
          this.#book.opened(key, clock.now());
          this.#sendProbes();
        },
        wake: () => this.#wake.notify(),
        readAgain: () => {
          this.#inspectedAt = Number.NEGATIVE_INFINITY;
          this.#wake.notify();
        },
      });
    }
    if (options.portMapping === true) {
      this.#mapping = new PortMapping({
        changed: () => this.#wake.notify(),
        report: (problem) => this.#problems.report('port-mapping', problem),
      });
    }
  }

  /** Whether a server has answered anything since the start. */
  get hasAnswered(): boolean {
    return this.#finder.hasAnswered;
  }

  /** Reasons why peers may lack a handshake that do not lie with the peers. */
  get problems(): string[] {
    return this.#problems.texts;
  }

  /** The interface as read last; undefined while it cannot be used. */
  get device(): Device | undefined {
    return this.#device;
  }

  /** The servers as they stand now. */
  get servers(): readonly ServerView[] {
    return this.#finder.servers ?? [];
  }

  /** Where the servers see this host. */
  get observed(): readonly Endpoint[] {
    return this.#finder.observed ?? [];
  }

  /** The NATs between this host and the internet: those of IPv4, or of IPv6 where only that is known. */
  get nat(): NatFacts {
    const ipv4 = this.#nat.behaviour(4);
    return natFacts({
      behaviour: ipv4.translation === 'unknown' ? this.#nat.behaviour(6) : ipv4,
      local: defaultGateway()?.local,
      portMapping: this.#mapping?.state,
    });
  }

  /** The managed peers as they stand now. */
  get peers(): PeerView[] {
    return this.#book
      .views(clock.now())
      .map((peer) =>
        peer.path === 'direct' && this.#hardNat?.isMoved(peer.endpoint)
          ? { ...peer, path: 'hard-nat' }
          : peer,
      );
  }

  /**
   * Runs until stopped, or, with `once`, until all peers are connected or the time is over.
   * Leaves WireGuard in its current state. Throws errors that no retry can fix: no permission, no `wg` tool.
   */
  async run(signal: AbortSignal): Promise<RunOutcome> {
    const { once, timeoutMs } = this.#options;
    const end = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + timeoutMs;
    signal.addEventListener('abort', () => this.#wake.notify());
    try {
      while (!signal.aborted) {
        await this.#step();
        if (once && this.#isDone(clock.now())) {
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
      await Promise.all([
        this.#finder.close(),
        this.#probes.close(),
        this.#nat.close(),
        this.#hardNat?.close(),
        this.#mapping?.close(),
        this.#switchOvers.close(),
      ]);
    }
  }

  /** Whether all peers are connected, and those that only --once asks for have answered. */
  #isDone(now: number): boolean {
    const hasAnswered = this.#options.peersOnly === true || this.#finder.hasAnswered;
    return this.#device !== undefined && this.#book.allAlive(now) && hasAnswered;
  }

  async #step(): Promise<void> {
    if (clock.noticeSuspend() > 0) {
      traceDecision(() => 'the host was suspended: asks for all peers again');
      // Others know an address of before, and WireGuard's sessions have aged.
      this.#inspectedAt = Number.NEGATIVE_INFINITY;
      this.#finder.refreshNow();
      this.#forgetNats();
      this.#book.moved(clock.now());
    }
    const now = clock.now();
    if (now >= this.#nextInspectionAt(now)) {
      await this.#holdSwitchOvers(now);
      await this.#inspect();
    }
    this.#switchOvers.work(clock.now());
    this.#finder.work(this.#device, clock.now());
    this.#probes.use(this.#device, this.#listens, clock.now());
    if (this.#listens) {
      for (const key of this.#book.probed) {
        this.#probes.expect(key);
      }
    }
    this.#sendProbes();
    // Last: no connection should wait for it.
    const isSeeking = this.#book.isSeeking(clock.now());
    this.#askAboutNats(isSeeking, clock.now());
    this.#workOnNats(clock.now());
    this.#tellNats(isSeeking, clock.now());
    if (this.#book.takeSuspicion()) {
      this.#finder.refreshNow();
    }
    this.#tellPeers();
  }

  /** Before the reading that a change of endpoints is made on: that change has to follow it at once. */
  async #holdSwitchOvers(now: number): Promise<void> {
    const device = this.#device;
    // Also where the last reading failed: decisions of before it are void.
    const changes = this.#book.switchOvers(now);
    if (device === undefined || changes.length === 0) {
      return;
    }
    for (const { from, to } of changes) {
      traceDecision(() => `${formatEndpoint(from)} gives way to ${formatEndpoint(to)}`);
    }
    await this.#switchOvers.hold(changes, device.listenPort, now);
  }

  #askAboutNats(isSeeking: boolean, now: number): void {
    const { hasAnswered, observing } = this.#finder;
    const until = this.#surveyHold.until(hasAnswered, () => this.#book.connectsBy(now), now);
    const isHeld = now < until;
    this.#surveyHeldUntil = isHeld ? until : Number.POSITIVE_INFINITY;
    this.#nat.work(this.#device, observing, !isHeld, isSeeking, now);
  }

  /** This host may be behind other NATs now: what was learned, and told to peers, is void. */
  #forgetNats(): void {
    this.#nat.refresh(clock.now());
    for (const family of FAMILIES) {
      this.#toldNat[family] = UNKNOWN_BEHAVIOUR;
    }
  }

  /** Informs peers of the NATs once all is known, and those at once that a hard NAT may keep away. */
  #tellNats(isSeeking: boolean, now: number): void {
    const told = { ...this.#toldNat };
    for (const family of FAMILIES) {
      if (this.#nat.isSettled(family) || isSeeking) {
        this.#toldNat[family] = this.#ownNat(family).behaviour;
      }
    }
    if (!isDeepStrictEqual(told, this.#toldNat)) {
      this.#finder.work(this.#device, now);
    }
  }

  #workOnNats(now: number): void {
    const device = this.#device;
    if (device !== undefined) {
      this.#hardNat?.work(
        this.#book.hardNats((family) => this.#ownNat(family), now),
        now,
      );
    }
    const { interfaceName, hardNat } = this.#options;
    if (hardNat === false && device !== undefined && !this.#isSwept) {
      this.#isSwept = true;
      void forgetFlows(interfaceName).catch(({ message }: Error) =>
        this.#problems.note(`rules of an earlier run may be left: ${message}`),
      );
    }
    this.#mapping?.work(device && { ...device, interfaceName }, now);
  }

  /** Where WireGuard's port was seen last. */
  #outside(family: Family): Endpoint | undefined {
    const port = this.#device?.listenPort;
    const seen = this.#nat.observations(family).filter(({ localPort }) => localPort === port);
    return seen.at(-1)?.mapped;
  }

  #ownNat(family: Family): OwnNat {
    const behaviour = this.#nat.behaviour(family);
    const isSure =
      behaviour.mapping === 'endpoint-independent' ||
      mappedPorts(this.#nat.observations(family)).length >= SURE_PORTS ||
      this.#nat.isSettled(family);
    const port = this.#outside(family)?.port ?? 0;
    return { behaviour: isSure ? behaviour : UNKNOWN_BEHAVIOUR, port };
  }

  /**
   * Not with the next turn, which may be waiting for `wg`, but once for all datagrams that have arrived together:
   * a hub gets news of many peers at the same time.
   */
  #probeSoon(): void {
    if (!this.#willProbe) {
      this.#willProbe = true;
      queueMicrotask(() => {
        this.#willProbe = false;
        this.#sendProbes();
      });
    }
  }

  #sendProbes(): void {
    const now = clock.now();
    this.#send(this.#book.probes(now), now);
  }

  #send(probes: readonly [key: string, probe: OutgoingProbe][], now: number): void {
    for (const [key, probe] of probes) {
      this.#probes.send(key, probe, now);
    }
  }

  /** With secrets of its peers a client answers their probes also while it is connected. */
  get #listens(): boolean {
    return this.#finder.secretWith !== undefined;
  }

  /** The way to a peer is taken for as long as two ways to the server. */
  #peerRoundTripMs(key: string): number | undefined {
    const finder = this.#finder;
    const roundTripMs = finder.roundTripMsFor ? finder.roundTripMsFor(key) : finder.roundTripMs;
    return roundTripMs === undefined ? undefined : 2 * roundTripMs;
  }

  #tellPeers(): void {
    this.#observe({ type: 'peers', peers: this.peers });
  }

  /** Milliseconds until there is something to do, if nothing happens before. */
  #idleTime(now: number): number {
    const next = Math.min(
      this.#nextInspectionAt(now),
      this.#switchOvers.nextAt,
      this.#finder.nextWorkAt(now),
      this.#device === undefined ? Number.POSITIVE_INFINITY : this.#nat.nextAt,
      this.#surveyHeldUntil,
      this.#device === undefined
        ? Number.POSITIVE_INFINITY
        : (this.#hardNat?.nextAt ?? Number.POSITIVE_INFINITY),
      this.#device === undefined
        ? Number.POSITIVE_INFINITY
        : (this.#mapping?.nextAt ?? Number.POSITIVE_INFINITY),
      this.#device === undefined ? Number.POSITIVE_INFINITY : this.#book.nextAt(now),
    );
    return Math.max(next - now, MIN_WAIT_MS);
  }

  #nextInspectionAt(now: number): number {
    const interval = this.#device === undefined ? NOT_READY_POLL_MS : this.#book.pollInterval(now);
    return this.#inspectedAt + readingPause(interval, this.#inspectionMs);
  }

  async #inspect(): Promise<void> {
    const { interfaceName } = this.#options;
    const begin = clock.now();
    try {
      const readiness = await inspect(
        () => interfaceIsUp(interfaceName),
        () => readDevice(interfaceName),
      ).finally(() => {
        this.#inspectionMs = clock.now() - begin;
      });
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
      traceDecision(() => 'the addresses of this host are new: registers them');
      this.#finder.refreshNow();
      this.#forgetNats();
      this.#mapping?.moved();
      this.#book.moved(clock.now());
    }
    const changes = this.#book.read(device, clock.now(), Date.now());
    this.#noticeMissing();
    this.#noticeRefusals();
    if (changes.length > 0) {
      if (this.#inspectionMs > SLOW_WG_MS) {
        // Peers that hear of a handshake start none, however long `wg` takes.
        const now = clock.now();
        this.#send(this.#book.announcements(now), now);
      }
      await this.#change(changes);
    }
    // Last: it may run nft, and the changes need a fresh reading.
    await this.#hardNat?.use(device);
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

  #noticeRefusals(): void {
    const { refusals } = this.#book;
    if (refusals.length > 0) {
      this.#problems.raise('endpoint', refusals.join('; '));
    } else {
      this.#problems.clear('endpoint');
    }
    const server = this.#finder.serverEndpoints?.find(({ address }) =>
      this.#book.isInTunnel(address),
    );
    if (server !== undefined) {
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
      for (const { publicKey, ...change } of changes) {
        traceDecision(() => changeText(change), formatPublicKey(publicKey));
      }
      const made = await setPeers(this.#options.interfaceName, changes);
      this.#book.changesMade(made, clock.now());
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

function changeText(change: Omit<PeerConfig, 'publicKey'>): string {
  const { endpoint, persistentKeepalive, keepaliveNow, remove, replace } = change;
  const parts = [
    remove && 'removes it, as somebody has removed it meanwhile',
    replace && 'replaces it',
    endpoint && `sets its endpoint to ${formatEndpoint(endpoint)}`,
    persistentKeepalive !== undefined && `sets its keepalive to ${persistentKeepalive} s`,
    keepaliveNow && 'has WireGuard send a keepalive now',
  ];
  return parts.filter(Boolean).join(', ');
}
