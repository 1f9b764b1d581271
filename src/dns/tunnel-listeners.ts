import type { ShortBuffer } from '../socket/batch-socket.js';
import { interfaceAddresses } from '../socket/interface-addresses.js';
import { interfaceIndex } from '../socket/interface-flags.js';
import type { ListenEndpoint, Listening } from '../socket/listening.js';
import { type SocketCounts, sumCounts } from '../socket/socket-counts.js';
import {
  addressFamily,
  type Endpoint,
  endpoint,
  isWildcard,
  sameEndpoint,
} from '../wire/endpoint.js';
import { Listeners, type ListenersOptions } from './listeners.js';
import type { Answering } from './udp-handler.js';

/** How often the interface is checked: it may go, come back, or get another address. */
const LOOK_INTERVAL_MS = 1000;

/** What listening in a tunnel depends on. */
export interface Tunnel {
  /** Changes when the interface is recreated; undefined while it is missing. */
  readonly index: number | undefined;
  /** The interface's addresses except link-local ones; none while it is down. */
  readonly addresses: readonly string[];
}

export interface TunnelEvents {
  /** Listening again. */
  onListening(listening: Listening): void;
  /** Not listening, and why; retried. */
  onProblem(reason: string): void;
}

/** Listeners that follow an interface: bound to it and to its addresses as they change. */
export class TunnelListeners {
  private tunnel: Tunnel = { index: undefined, addresses: [] };
  private current: Listeners | undefined;
  private past: SocketCounts = sumCounts([]);
  private problem: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private moving: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: ListenersOptions & { readonly interfaceName: string },
    private readonly answering: Answering,
    private readonly events: TunnelEvents,
  ) {}

  /** Waits for a missing interface. Rejects if an existing one cannot be listened on. */
  static async open(
    options: ListenersOptions & { readonly interfaceName: string },
    answering: Answering,
    events: TunnelEvents,
  ): Promise<TunnelListeners> {
    const listeners = new TunnelListeners(options, answering, events);
    await listeners.move(listeners.look());
    listeners.timer = setInterval(() => listeners.follow(), LOOK_INTERVAL_MS);
    return listeners;
  }

  get addresses(): readonly Endpoint[] {
    return this.current?.addresses ?? [];
  }

  get shortBuffers(): readonly ShortBuffer[] {
    return this.current?.shortBuffers ?? [];
  }

  get batched(): boolean {
    return true;
  }

  get counts(): SocketCounts {
    return sumCounts(this.current === undefined ? [this.past] : [this.past, this.current.counts]);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.moving;
    await this.leave();
  }

  private look(): Tunnel {
    const { interfaceName } = this.options;
    return {
      index: interfaceIndex(interfaceName),
      addresses: interfaceAddresses(interfaceName),
    };
  }

  /** One check after the other; a failed one does not stop the next. */
  private follow(): void {
    this.moving = this.moving
      .then(() => this.moveWhereNeeded())
      .catch((error: Error) => this.tell(error.message));
  }

  private async moveWhereNeeded(): Promise<void> {
    const tunnel = this.look();
    const isRight =
      sameTunnel(tunnel, this.tunnel) &&
      (this.current !== undefined || this.problemOf(tunnel) !== undefined);
    if (!isRight) {
      await this.move(tunnel);
      this.tellListening();
    }
  }

  /** Listens in the tunnel's present state. */
  private async move(tunnel: Tunnel): Promise<void> {
    await this.leave();
    this.tunnel = tunnel;
    const problem = this.problemOf(tunnel);
    if (problem !== undefined) {
      this.tell(problem);
      return;
    }
    const listen = tunnelEndpoints(this.options.listen, tunnel);
    this.current = await Listeners.open({ ...this.options, listen }, this.answering);
    this.problem = undefined;
  }

  private problemOf(tunnel: Tunnel): string | undefined {
    return tunnelProblem(this.options.interfaceName, this.options.listen, tunnel);
  }

  private async leave(): Promise<void> {
    const { current } = this;
    try {
      await current?.close();
    } finally {
      // Both at once, so that counts never go down.
      this.past = this.counts;
      this.current = undefined;
    }
  }

  private tellListening(): void {
    if (this.current !== undefined) {
      this.events.onListening(this.current);
    }
  }

  private tell(problem: string): void {
    if (problem !== this.problem) {
      this.problem = problem;
      this.events.onProblem(problem);
    }
  }
}

/**
 * The endpoints to listen at in a tunnel, all at addresses of the interface. A wildcard stands for those
 * of its family.
 */
export function tunnelEndpoints(
  listen: readonly ListenEndpoint[],
  { addresses }: Tunnel,
): ListenEndpoint[] {
  const all = listen.flatMap((wanted) =>
    addresses
      .filter((address) =>
        isWildcard(wanted.address)
          ? addressFamily(address) === wanted.family
          : address === wanted.address,
      )
      .map((address) => endpoint(address, wanted.port)),
  );
  return all.filter((one, i) => all.findIndex((other) => sameEndpoint(one, other)) === i);
}

/** Whether sockets bound in a tunnel can stay. */
export function sameTunnel(a: Tunnel, b: Tunnel): boolean {
  return a.index === b.index && a.addresses.join() === b.addresses.join();
}

/** Why there is no endpoint to listen at in a tunnel, and what to do; undefined if there is one. */
export function tunnelProblem(
  name: string,
  listen: readonly ListenEndpoint[],
  tunnel: Tunnel,
): string | undefined {
  if (tunnel.index === undefined) {
    return `there is no interface ${name}: create it (wg-quick up ${name})`;
  }
  if (tunnel.addresses.length === 0) {
    return `${name} is down or has no address: bring it up (ip link set ${name} up) and give it one (ip address add)`;
  }
  return tunnelEndpoints(listen, tunnel).length > 0
    ? undefined
    : `${name} has none of the addresses to listen on (--listen): give it one (ip address add), listen on ${tunnel.addresses.join(' or ')}, or serve everybody with --public`;
}
