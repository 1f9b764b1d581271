import { type Endpoint, FAMILIES, type Family } from '../../wire/endpoint.js';
import { isDataLength, MAX_MESSAGE_LENGTH, MESSAGE_LENGTH } from '../../wire/sealed.js';
import type { Device } from '../../wireguard/device.js';
import { Channel, type OpenSocket } from '../channel.js';
import type { Problems } from '../problems.js';
import { isNoRoute, sendErrorText } from '../send-error.js';
import type { ServerLocator } from '../server-locator.js';
import type { SealedClient } from './sealed-client.js';

/** Lengths that a datagram from a server can have, in bytes: a response, a cookie, a notice, or data. */
export const SEALED_REPLY_LENGTHS: readonly number[] = [
  MESSAGE_LENGTH.response,
  MESSAGE_LENGTH.cookie,
  MESSAGE_LENGTH.notice,
  ...Array.from({ length: MAX_MESSAGE_LENGTH + 1 }, (_, length) => length).filter(isDataLength),
];

/** The raw sockets to the server, one for each address family in which it has an address. */
export class ServerChannels {
  readonly #noRoute: (server: Endpoint) => boolean;
  readonly #problems: Problems;
  readonly #servers = new Map<Family, Endpoint>();
  readonly #channels: Record<Family, Channel>;
  /** Why the last send over a family failed. */
  readonly #failures = new Map<Family, string>();

  /**
   * @param received gets the payload of each datagram from the server
   * @param noRoute called when this host has no route to an address; returns whether there is another one
   */
  constructor(
    received: (family: Family, payload: Uint8Array) => void,
    noRoute: (server: Endpoint) => boolean,
    problems: Problems,
    open?: OpenSocket,
  ) {
    this.#noRoute = noRoute;
    this.#problems = problems;
    const channel = (family: Family) =>
      new Channel(
        (payload) => received(family, payload),
        (error) => problems.raise('socket', `the raw socket failed: ${error.message}`),
        (fact) => problems.note(fact),
        open,
      );
    this.#channels = { 4: channel(4), 6: channel(6) };
  }

  /** The families over which something can be sent. */
  get open(): Family[] {
    return FAMILIES.filter((family) => this.#channels[family].isOpen);
  }

  /** How many hops away the server is over IPv4; undefined until it answered there. */
  get hops(): number | undefined {
    return this.#channels[4].hops;
  }

  /** Whether nothing can be sent, for reasons of this host. */
  get isFailing(): boolean {
    return this.#failures.size > 0 && this.open.every((family) => this.#failures.has(family));
  }

  /**
   * Opens a socket to each of the server's addresses, and closes the others.
   * @returns the families in which replies to what was sent before cannot arrive
   * @throws errors that no retry can fix, by way of `problems.raiseError`
   */
  use(
    endpointOf: (family: Family) => Endpoint | undefined,
    { listenPort, fwmark }: Device,
  ): Family[] {
    const payloadLengths = SEALED_REPLY_LENGTHS;
    const moved: Family[] = [];
    let failure: unknown;
    for (const family of FAMILIES) {
      const server = endpointOf(family);
      const channel = this.#channels[family];
      try {
        if (server === undefined) {
          void channel.close();
          this.#failures.delete(family);
          continue;
        }
        this.#servers.set(family, server);
        if (channel.use({ server, listenPort, fwmark, payloadLengths }) !== 'kept') {
          moved.push(family);
        }
      } catch (error) {
        failure = error;
        if (server !== undefined && isNoRoute(error)) {
          this.#noRoute(server);
        }
      }
    }
    this.#report(failure as Error | undefined, moved.length > 0);
    return moved;
  }

  /** Sends over a family; false when that fails, which is a problem where no other family is left. */
  send(family: Family, message: Uint8Array): boolean {
    try {
      this.#channels[family].send(message);
      this.#failures.clear();
      this.#problems.clear('send');
      return true;
    } catch (error) {
      this.#failed(family, error as Error);
      return false;
    }
  }

  async close(): Promise<void> {
    await Promise.all(FAMILIES.map((family) => this.#channels[family].close()));
  }

  #failed(family: Family, error: Error): void {
    const server = this.#servers.get(family);
    if (server === undefined) {
      return;
    }
    if (isNoRoute(error) && this.#noRoute(server)) {
      return;
    }
    this.#failures.set(family, sendErrorText(error, server));
    if (this.isFailing) {
      this.#problems.raise('send', [...this.#failures.values()][0] as string);
    }
  }

  /** One family is enough: a host without the other lacks nothing. */
  #report(failure: Error | undefined, isNew: boolean): void {
    if (failure !== undefined && this.open.length === 0) {
      this.#problems.raiseError('socket', failure);
    } else if (isNew) {
      this.#problems.clear('socket');
    }
  }
}

/**
 * Makes a client send to the server's addresses, one of each family: those that the locator has now, and
 * the next one of a family in which the server is silent while it answers in the other.
 * @param client undefined while there is none: then the channels are opened for it
 * @throws errors that no retry can fix, as the channels do
 */
export function followServer(
  client: SealedClient | undefined,
  locator: ServerLocator,
  channels: Pick<ServerChannels, 'open' | 'use'>,
  device: Device,
  now: number,
): void {
  for (const family of client?.silentFamilies ?? []) {
    locator.advanceIn(family, now);
  }
  for (const family of channels.use((family) => locator.endpointOf(family), device)) {
    client?.moved(family);
  }
  client?.useFamilies(channels.open);
}
