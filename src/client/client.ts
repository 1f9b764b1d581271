import { networkInterfaces } from 'node:os';
import { interfaceIsUp } from '../socket/interface-flags.js';
import { encodeClassicRequest } from '../wire/classic.js';
import { formatPublicKey } from '../wire/key.js';
import { describeObstacle, type Look, lookAt } from '../wireguard/condition.js';
import type { Device, PeerConfig } from '../wireguard/device.js';
import { WgError } from '../wireguard/wg-error.js';
import { readDevice, setPeers } from '../wireguard/wg-tool.js';
import { Channel } from './channel.js';
import { Problems, type Topic } from './problems.js';
import { ServerLocator, type ServerName } from './server-locator.js';
import { type PeerView, Session } from './session.js';
import {
  ATTEMPTS_PER_TURN,
  MIN_SPACING_MS,
  OBSTACLE_POLL_MS,
  SILENT_RESOLVE_INTERVAL_MS,
} from './timing.js';
import { Wake } from './wake.js';

export interface ClientOptions {
  readonly interfaceName: string;
  readonly server: ServerName;
  /** Stop as soon as every peer has a fresh handshake. */
  readonly once: boolean;
  /** Stop after so many milliseconds; undefined = never. */
  readonly timeoutMs: number | undefined;
  /** Seconds for peers without a keepalive of their own; 0 = none. */
  readonly keepalive: number;
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
export type Outcome = 'connected' | 'timeout' | 'stopped';

/** Codes after which there is no use in trying again. */
const FATAL = new Set(['WG_TOOL_MISSING', 'WG_NOT_PERMITTED', 'ADDON_MISSING', 'EPERM', 'EACCES']);

/** Runs a session beside an interface: reads WireGuard, asks the server, makes the changes. */
export class Client {
  readonly #options: ClientOptions;
  readonly #observe: (event: ClientEvent) => void;
  readonly #session: Session;
  readonly #wake = new Wake();
  readonly #problems: Problems;
  readonly #locator: ServerLocator;
  readonly #channel: Channel;
  #device: Device | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #addresses = '';

  constructor(options: ClientOptions, observe: (event: ClientEvent) => void) {
    this.#options = options;
    this.#observe = observe;
    this.#session = new Session({ keepalive: options.keepalive, only: options.only });
    this.#problems = new Problems((topic, text) =>
      observe(text === undefined ? { type: 'solved', topic } : { type: 'problem', topic, text }),
    );
    this.#locator = new ServerLocator(options.server, () => this.#wake.notify());
    this.#channel = new Channel(
      (answer) => {
        this.#problems.clear('server');
        this.#problems.clear('socket');
        this.#session.replied(answer, performance.now());
        this.#wake.notify();
      },
      (error) => this.#problems.raise('socket', `the raw socket failed: ${error.message}`),
    );
  }

  /** Why peers may lack a handshake, as far as it is not the peers' own matter. */
  get problems(): string[] {
    return this.#problems.texts;
  }

  /** The managed peers as they stand now. */
  get peers(): PeerView[] {
    return this.#session.peers(performance.now());
  }

  /**
   * Runs until told to stop, or, with `once`, until all peers are connected or the time is over.
   * WireGuard is left as it is. Throws what no retry can mend: no permission, no `wg` tool.
   */
  async run(signal: AbortSignal): Promise<Outcome> {
    const { once, timeoutMs } = this.#options;
    const end = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
    signal.addEventListener('abort', () => this.#wake.notify());
    try {
      while (!signal.aborted) {
        await this.#step();
        this.#observe({ type: 'peers', peers: this.peers });
        if (once && this.#allConnected()) {
          return 'connected';
        }
        const now = performance.now();
        if (now >= end) {
          return 'timeout';
        }
        await this.#wake.wait(Math.min(this.#pause(now), end - now));
      }
      return 'stopped';
    } finally {
      await this.#channel.close();
    }
  }

  async #step(): Promise<void> {
    if (performance.now() >= this.#lookedAt + this.#pollInterval()) {
      await this.#look();
    }
    this.#locate();
    if (this.#device !== undefined && this.#openChannel(this.#device)) {
      this.#ask();
    }
  }

  /** Milliseconds until there is something to do, if nothing happens before. */
  #pause(now: number): number {
    const looking = this.#lookedAt + this.#pollInterval() - now;
    const canAsk = this.#device !== undefined && this.#channel.isOpen;
    const asking = canAsk ? this.#session.nextDecisionAt(now) - now : looking;
    return Math.max(Math.min(looking, asking), MIN_SPACING_MS);
  }

  #pollInterval(): number {
    return this.#device === undefined
      ? OBSTACLE_POLL_MS
      : this.#session.pollInterval(performance.now());
  }

  async #look(): Promise<void> {
    const { interfaceName } = this.#options;
    try {
      const look = await lookAt(
        () => interfaceIsUp(interfaceName),
        () => readDevice(interfaceName),
      );
      await this.#seen(look);
    } catch (error) {
      this.#device = undefined;
      this.#give('interface', error as Error);
    } finally {
      this.#lookedAt = performance.now();
    }
  }

  async #seen(look: Look): Promise<void> {
    this.#device = look.device;
    if (look.device === undefined) {
      void this.#channel.close();
      if (look.obstacle === 'missing' || look.obstacle === 'no-peers') {
        this.#session.peersGone();
      }
      const text = describeObstacle(this.#options.interfaceName, look.obstacle);
      this.#problems.raise('interface', text);
      return;
    }
    this.#problems.clear('interface');
    this.#noticeMissing(look.device);
    this.#noticeAddresses();
    const changes = this.#session.deviceRead(look.device, performance.now(), Date.now());
    if (changes.length > 0) {
      await this.#change(changes);
    }
  }

  async #change(changes: readonly PeerConfig[]): Promise<void> {
    try {
      await setPeers(this.#options.interfaceName, changes);
      this.#problems.clear('change');
      for (const peer of changes) {
        this.#observe({ type: 'changed', peer });
      }
    } catch (error) {
      this.#session.changesFailed(performance.now());
      this.#give('change', error as Error);
    }
  }

  #noticeMissing(device: Device): void {
    const present = new Set(device.peers.map((peer) => formatPublicKey(peer.publicKey)));
    const missing = [...(this.#options.only ?? [])].filter((key) => !present.has(key));
    if (missing.length === 0) {
      this.#problems.clear('peer');
    } else {
      const { interfaceName } = this.#options;
      const list = missing.join(', ');
      this.#problems.raise('peer', `${interfaceName} has no peer ${list}: add it, or drop --peer`);
    }
  }

  #noticeAddresses(): void {
    const addresses = JSON.stringify(
      Object.entries(networkInterfaces()).map(([name, list]) => [
        name,
        list?.map(({ address }) => address),
      ]),
    );
    if (addresses !== this.#addresses) {
      this.#addresses = addresses;
      this.#session.refreshNow();
    }
  }

  #locate(): void {
    const now = performance.now();
    this.#locator.poll(now);
    if (this.#locator.error === undefined) {
      this.#problems.clear('name');
    } else {
      this.#problems.raise('name', this.#locator.error);
    }
    const { silentRequests } = this.#session;
    if (silentRequests >= ATTEMPTS_PER_TURN) {
      const { host, port } = this.#options.server;
      this.#problems.raise(
        'server',
        `no answer from ${host} (port ${port}): is the server running, and its UDP port open? still asking`,
      );
    }
    if (silentRequests >= 2 * ATTEMPTS_PER_TURN) {
      this.#locator.advance(now + SILENT_RESOLVE_INTERVAL_MS);
    }
  }

  /** Opens the socket that fits what is known now; false while there is none. */
  #openChannel(device: Device): boolean {
    const server = this.#locator.endpoint;
    if (server === undefined) {
      return false;
    }
    try {
      const { listenPort, fwmark } = device;
      const reopening = this.#channel.use({ server, listenPort, fwmark });
      if (reopening === 'moved') {
        this.#session.channelChanged();
      }
      if (reopening !== 'kept') {
        this.#session.refreshNow();
        this.#problems.clear('socket');
      }
      return true;
    } catch (error) {
      this.#give('socket', error as Error);
      return false;
    }
  }

  #ask(): void {
    const request = this.#session.nextRequest(performance.now());
    if (request === undefined) {
      return;
    }
    try {
      this.#channel.send(encodeClassicRequest(request.mine, request.theirs));
      this.#problems.clear('send');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = code === undefined ? message : `${code}, ${message}`;
      this.#problems.raise('send', `cannot send to the server (${reason}): still trying`);
    }
  }

  /** Raises a problem that can pass; throws on one that cannot. */
  #give(topic: Topic, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && FATAL.has(code)) {
      throw error;
    }
    this.#problems.raise(
      topic,
      error instanceof WgError ? error.message : `${topic}: ${error.message}`,
    );
  }

  #allConnected(): boolean {
    const { peers } = this;
    const all = peers.length > 0 && this.#device !== undefined;
    const missing = [...(this.#options.only ?? [])].length > peers.length;
    return all && !missing && peers.every(({ state }) => state === 'connected');
  }
}
