import { type PacketSource, sourcesOf } from '../wire/bpf.js';
import { formatAddress, formatEndpoint } from '../wire/endpoint.js';
import { openRawSocket, type RawSocket, type RawSocketOptions } from './raw-socket.js';

/** A raw socket as its user sees it, shared or not. */
export type SharedSocket = Pick<RawSocket, 'send' | 'close'>;

/**
 * Raw sockets for several servers: those that differ in nothing but their sources are one socket with one
 * filter. Each raw socket gets a copy of every UDP packet of the host until its filter drops it, so their number
 * costs processor time.
 */
export class SocketPool {
  readonly #shared = new Map<string, Shared>();
  readonly #openSocket: (options: RawSocketOptions) => RawSocket;

  constructor(openSocket = openRawSocket) {
    this.#openSocket = openSocket;
  }

  /** Opens a socket, or a share of one. Throws as openRawSocket does. */
  open(options: RawSocketOptions): SharedSocket {
    const sources = sourcesOf(options.rule);
    if (sources === undefined) {
      return this.#openSocket(options);
    }
    const { family, listenPort, payloadLengths, firstWord } = options.rule;
    const key = [family, listenPort, firstWord, options.mark, payloadLengths.join()].join(' ');
    const shared = this.#shared.get(key) ?? new Shared();
    const member = { options, names: sources.map(nameOf) };
    shared.add(member, sources, this.#openSocket);
    this.#shared.set(key, shared);
    let closing: Promise<void> | undefined;
    return {
      send: (...sent) => shared.send(...sent),
      close: () => {
        closing ??= shared.remove(member);
        if (shared.isEmpty && this.#shared.get(key) === shared) {
          this.#shared.delete(key);
        }
        return closing;
      },
    };
  }
}

interface Member {
  readonly options: RawSocketOptions;
  /** Its sources as text. */
  readonly names: readonly string[];
}

/** One raw socket and its users. */
class Shared {
  readonly #members = new Map<Member, readonly PacketSource[]>();
  #socket: RawSocket | undefined;

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** Throws as the socket does; then nothing has changed. */
  add(
    member: Member,
    sources: readonly PacketSource[],
    openSocket: (options: RawSocketOptions) => RawSocket,
  ): void {
    const all = [...this.#sources, ...sources];
    if (this.#socket === undefined) {
      this.#socket = openSocket({
        ...member.options,
        rule: { ...member.options.rule, source: all },
        onPayload: (payload, from, ttl) => {
          const name = formatEndpoint(from);
          this.#each(
            ({ names }) => names.includes(name),
            (it) => it.onPayload(payload, from, ttl),
          );
        },
        onError: (error) =>
          this.#each(
            () => true,
            (it) => it.onError(error),
          ),
        onRouteDifference: (text) =>
          this.#each(
            () => true,
            (it) => it.onRouteDifference?.(text),
          ),
      });
    } else {
      this.#socket.useSources(all);
    }
    this.#members.set(member, sources);
  }

  send(...sent: Parameters<RawSocket['send']>): void {
    this.#socket?.send(...sent);
  }

  /** Resolves when nothing arrives for the member any more. */
  async remove(member: Member): Promise<void> {
    this.#members.delete(member);
    const socket = this.#socket;
    if (this.isEmpty) {
      this.#socket = undefined;
      await socket?.close();
    } else {
      socket?.useSources(this.#sources);
    }
  }

  get #sources(): PacketSource[] {
    return [...this.#members.values()].flat();
  }

  #each(isMeant: (member: Member) => boolean, tell: (options: RawSocketOptions) => void): void {
    for (const member of [...this.#members.keys()].filter(isMeant)) {
      tell(member.options);
    }
  }
}

function nameOf({ address, port }: PacketSource): string {
  const family = address.length === 4 ? 4 : 6;
  return formatEndpoint({ address: formatAddress(address), port, family });
}
