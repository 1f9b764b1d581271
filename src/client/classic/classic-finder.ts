import {
  CLASSIC_REPLY_LENGTH,
  decodeClassicReply,
  encodeClassicRequest,
} from '../../wire/classic.js';
import { type Endpoint, formatEndpoint } from '../../wire/endpoint.js';
import { formatPublicKey } from '../../wire/key.js';
import type { Device } from '../../wireguard/device.js';
import { clock } from '../boot-clock.js';
import { Channel } from '../channel.js';
import type { Finder, FinderContext, FinderFactory } from '../finder.js';
import { isLinkLocal, ObservedAddress } from '../observed-address.js';
import { SavedAddresses } from '../saved-addresses.js';
import { isNoRoute, sendErrorText } from '../send-error.js';
import { locate, ServerLocator, type ServerName } from '../server-locator.js';
import { serverView } from '../status/server-view.js';
import type { ServerView } from '../status/status.js';
import { ATTEMPTS_PER_TURN, MIN_RETRY_MS, SILENT_RESOLVE_INTERVAL_MS } from '../timing.js';
import { traceDecision } from '../trace.js';
import { RequestSchedule } from './request-schedule.js';

/**
 * Finds peers through a rendezvous server, by the classic protocol.
 * @param refreshMs between requests that only keep the registration. @default 25 000 ms
 */
export function classicFinder(server: ServerName, refreshMs?: number): FinderFactory {
  return (context) => new ClassicFinder(server, refreshMs, context);
}

/** Asks about one peer at a time, from WireGuard's own port. */
class ClassicFinder implements Finder {
  readonly #server: ServerName;
  readonly #context: FinderContext;
  readonly #schedule: RequestSchedule;
  readonly #locator: ServerLocator;
  readonly #channel: Channel;
  readonly #observed: ObservedAddress;
  hasAnswered = false;

  constructor(server: ServerName, refreshMs: number | undefined, context: FinderContext) {
    this.#server = server;
    this.#context = context;
    this.#schedule = new RequestSchedule(context.peers, refreshMs);
    this.#observed = new ObservedAddress(context.problems, context.peers);
    this.#locator = new ServerLocator(server, () => context.wake(), {
      saved: new SavedAddresses(server.host),
    });
    // The lookup runs concurrently with the first inspection of the interface.
    this.#locator.poll(clock.now());
    this.#channel = new Channel(
      (payload, from) => this.#received(payload, from),
      (error) => context.problems.raise('socket', `the raw socket failed: ${error.message}`),
      (fact) => context.problems.note(fact),
      context.openSocket,
    );
  }

  work(device: Device | undefined, now: number): void {
    if (device !== undefined) {
      this.#schedule.useKey(device.publicKey);
    }
    this.#locate(now);
    if (device === undefined) {
      void this.#channel.close();
    } else if (this.#openChannel(device)) {
      this.#ask(now);
      this.#reportRegistration(now);
    }
  }

  nextWorkAt(now: number): number {
    return this.#channel.isOpen ? this.#schedule.nextAt(now) : Number.POSITIVE_INFINITY;
  }

  get serverEndpoints(): readonly Endpoint[] {
    const { endpoint } = this.#locator;
    return endpoint === undefined ? [] : [endpoint];
  }

  get roundTripMs(): number | undefined {
    return this.#schedule.roundTripMs;
  }

  get servers(): ServerView[] {
    const isSilent = this.#schedule.silentRequests >= ATTEMPTS_PER_TURN;
    return [serverView('classic', this.#server, this.#locator, isSilent, this.roundTripMs)];
  }

  refreshNow(): void {
    this.#locator.routesChanged();
    this.#schedule.refreshNow();
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  #received(payload: Uint8Array, { family }: Endpoint): void {
    const answer = decodeClassicReply(payload, family);
    if (answer === undefined) {
      return;
    }
    this.hasAnswered = true;
    const { problems } = this.#context;
    problems.clear('server');
    problems.clear('socket');
    this.#locator.isAnswering = true;
    const now = clock.now();
    traceDecision(
      () => `the server answers ${answer === 'unknown' ? answer : formatEndpoint(answer)}`,
    );
    this.#schedule.replied(answer, now);
    // At once: the client's own turn may be waiting for `wg`.
    this.#ask(now);
    this.#context.wake();
  }

  #locate(now: number): void {
    const { problems } = this.#context;
    locate(this.#locator, problems, now);
    const { silentRequests } = this.#schedule;
    if (silentRequests >= ATTEMPTS_PER_TURN) {
      const { host, port } = this.#server;
      problems.raise(
        'server',
        `no answer from ${host} (port ${port}): is the server running, and its UDP port open? still asking`,
      );
    }
    if (silentRequests >= 2 * ATTEMPTS_PER_TURN) {
      this.#locator.isAnswering = false;
      this.#locator.advance(now + SILENT_RESOLVE_INTERVAL_MS);
    }
  }

  /** The result of the client's lookup of itself. */
  #reportRegistration(now: number): void {
    const { problems } = this.#context;
    const server = this.#locator.endpoint;
    const { observed, isNotKept } = this.#schedule;
    if (isNotKept && server !== undefined && !isLinkLocal(server)) {
      const { host } = this.#server;
      problems.raise(
        'registration',
        `${host} does not keep this host, so no peer finds it: it is full, or has as many hosts of this ` +
          'network as it takes (--max-peers, --source-share of the server); still trying',
      );
    } else {
      problems.clear('registration');
    }
    this.#observed.report(server, observed, now);
  }

  /** Opens the socket that fits what is known now; false while there is none. */
  #openChannel({ listenPort, fwmark }: Device): boolean {
    const server = this.#locator.endpoint;
    if (server === undefined) {
      return false;
    }
    const { problems } = this.#context;
    try {
      const payloadLengths = [0, CLASSIC_REPLY_LENGTH[server.family]];
      const reopening = this.#channel.use({ server, listenPort, fwmark, payloadLengths });
      if (reopening === 'moved') {
        this.#schedule.channelChanged();
      }
      if (reopening !== 'kept') {
        this.#schedule.refreshNow();
        problems.clear('socket');
      }
      return true;
    } catch (error) {
      if (isNoRoute(error)) {
        this.#sendFailed(error as Error, server);
      } else {
        problems.raiseError('socket', error as Error);
      }
      return false;
    }
  }

  #ask(now: number): void {
    const request = this.#schedule.next(now);
    if (request === undefined) {
      return;
    }
    const { problems } = this.#context;
    try {
      traceDecision(() => 'asks the server about it', formatPublicKey(request.theirs));
      this.#channel.send(encodeClassicRequest(request.mine, request.theirs));
      problems.clear('send');
    } catch (error) {
      const server = this.#locator.endpoint;
      if (server !== undefined) {
        this.#sendFailed(error as Error, server);
      }
    }
  }

  /** A local error says nothing about the server: another address is next, or the same one later. */
  #sendFailed(error: Error, server: Endpoint): void {
    const now = clock.now();
    if (isNoRoute(error) && this.#locator.unreachable(server, now)) {
      this.#schedule.sendFailed(now);
      this.#context.wake();
      return;
    }
    this.#schedule.sendFailed(now + MIN_RETRY_MS);
    this.#context.problems.raise('send', sendErrorText(error, server));
  }
}
