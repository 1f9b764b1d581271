import { randomInt } from 'node:crypto';
import { formatEndpoint } from '../../wire/endpoint.js';
import type { Device } from '../../wireguard/device.js';
import { clock } from '../boot-clock.js';
import type { Finder, FinderContext, FinderFactory } from '../finder.js';
import { hasIpv6Besides, reachableFirst } from '../host-addresses.js';
import { SavedAddresses } from '../saved-addresses.js';
import { isNoRoute, sendErrorText } from '../send-error.js';
import { locate, ServerLocator, type ServerName } from '../server-locator.js';
import { serverView } from '../status/server-view.js';
import type { ServerView } from '../status/status.js';
import { SILENT_RESOLVE_INTERVAL_MS } from '../timing.js';
import { DnsChannel } from './dns-channel.js';
import { type Exchange, TCP_TIMEOUT_MS } from './exchanges.js';
import { failureText } from './failure.js';
import { LookupSchedule } from './lookup-schedule.js';
import { registryPeer } from './registry-peer.js';

const IDS = 0x10000;

/** Where a DNS-SD registry is, and how to ask it. */
export interface DnsFinderOptions {
  readonly server: ServerName;
  readonly zone: string;
  readonly interfaceName: string;
  /** Look up peers that are connected too, until the server has answered. @default false */
  readonly asksAlive?: boolean;
}

/** Finds peers by their SRV records on a DNS server, as wgsd-client does. */
export function dnsFinder(options: DnsFinderOptions): FinderFactory {
  return (context) => new DnsFinder(options, context);
}

/** Looks up many peers at a time, from ordinary sockets: the routing table chooses the tunnel. */
class DnsFinder implements Finder {
  readonly #server: ServerName;
  readonly #zone: string;
  readonly #context: FinderContext;
  readonly #locator: ServerLocator;
  readonly #schedule: LookupSchedule;
  readonly #channel: DnsChannel;
  /** Nothing listens at the server's port. */
  #isRefused = false;
  /** Why the last datagram did not leave this host. */
  #sendError: string | undefined;

  constructor(options: DnsFinderOptions, context: FinderContext) {
    const { server, zone, interfaceName, asksAlive } = options;
    this.#server = server;
    this.#zone = zone;
    this.#context = context;
    this.#locator = new ServerLocator(server, () => context.wake(), {
      saved: new SavedAddresses(server.host),
    });
    this.#schedule = new LookupSchedule(
      context.peers,
      zone,
      () => randomInt(IDS),
      (found) => reachableFirst(found, hasIpv6Besides(interfaceName)),
      asksAlive,
    );
    this.#channel = new DnsChannel({
      onConnected: () => context.wake(),
      onSent: () => {
        this.#sendError = undefined;
      },
      onMessage: (message) => this.#received(message),
      onError: (error) => this.#failed(error),
    });
  }

  work(device: Device | undefined, now: number): void {
    this.#locate(now);
    if (device === undefined) {
      this.#restart();
      return;
    }
    if (this.#open() && this.#channel.isConnected) {
      for (const query of this.#schedule.work(now)) {
        this.#channel.send(query);
      }
    }
    if (this.nextWorkAt(now) === Number.POSITIVE_INFINITY && this.#channel.isConnected) {
      // All peers are found: whether the server can be reached does not matter.
      this.#isRefused = false;
      this.#sendError = undefined;
    }
    this.#report();
  }

  nextWorkAt(now: number): number {
    return this.#channel.isConnected ? this.#schedule.nextAt(now) : Number.POSITIVE_INFINITY;
  }

  get hasAnswered(): boolean {
    return this.#schedule.hasAnswered;
  }

  skips(device: Device): string | undefined {
    const server = this.#locator.endpoint;
    return server && registryPeer(device, server.address);
  }

  get servers(): ServerView[] {
    const isSilent = this.#isRefused || this.#schedule.failure !== undefined;
    return [serverView('dns', this.#server, this.#locator, isSilent)];
  }

  /** A connected socket keeps the address that it began with: the next one begins anew. */
  refreshNow(): void {
    this.#locator.routesChanged();
    this.#restart();
  }

  async close(): Promise<void> {
    await this.#channel.close();
  }

  #restart(): void {
    void this.#channel.close();
    this.#schedule.reset();
  }

  #locate(now: number): void {
    locate(this.#locator, this.#context.problems, now);
    if (this.#schedule.isSilent) {
      this.#locator.isAnswering = false;
      this.#locator.advance(now + SILENT_RESOLVE_INTERVAL_MS);
      this.#restart();
    }
  }

  /** Opens the socket to the server's present address; false if that is not possible. */
  #open(): boolean {
    const server = this.#locator.endpoint;
    if (server === undefined) {
      return false;
    }
    try {
      if (this.#channel.use(server)) {
        this.#schedule.reset();
      }
      this.#context.problems.clear('socket');
      return true;
    } catch (error) {
      this.#context.problems.raiseError('socket', error as Error);
      return false;
    }
  }

  #received(message: Uint8Array): void {
    this.#isRefused = false;
    this.#sendError = undefined;
    this.#locator.isAnswering = true;
    const exchange = this.#schedule.received(message, clock.now());
    if (exchange !== undefined) {
      void this.#askOverTcp(exchange);
    }
    this.#context.wake();
  }

  async #askOverTcp(exchange: Exchange): Promise<void> {
    const result = await this.#channel
      .exchange(exchange.query, TCP_TIMEOUT_MS)
      .catch((error: Error) => error);
    this.#schedule.receivedOverTcp(exchange, result, clock.now());
    this.#context.wake();
  }

  #failed(error: NodeJS.ErrnoException): void {
    const server = this.#locator.endpoint;
    if (server === undefined) {
      return;
    }
    if (error.code === 'ECONNREFUSED') {
      this.#isRefused = true;
    } else if (isNoRoute(error) && this.#locator.unreachable(server, clock.now())) {
      this.#restart();
      this.#context.wake();
    } else {
      this.#sendError = sendErrorText(error, server, 'is the tunnel to it up?');
    }
    this.#report();
  }

  #report(): void {
    const { problems } = this.#context;
    if (this.#sendError !== undefined) {
      // Queries do not leave this host, so the server's silence means nothing.
      problems.raise('send', this.#sendError);
      return;
    }
    problems.clear('send');
    problems.report('server', this.#serverProblem());
  }

  #serverProblem(): string | undefined {
    const { endpoint } = this.#locator;
    const { host, port } = this.#server;
    const server = endpoint === undefined ? `${host}:${port}` : formatEndpoint(endpoint);
    if (this.#isRefused) {
      return `nothing listens at ${server} (ECONNREFUSED): is the DNS server running? still asking`;
    }
    const { failure } = this.#schedule;
    return failure && failureText(failure, server, this.#zone);
  }
}
