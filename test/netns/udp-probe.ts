import { fileURLToPath } from 'node:url';
import { type LabHost, type LabProcess, until } from '../../src/lab/index.js';

/** An order to udp-agent.ts. */
export type AgentOrder =
  | { readonly kind: 'open'; readonly port: number; readonly address: string }
  | {
      readonly kind: 'send';
      readonly from: number;
      readonly to: string;
      readonly port: number;
      readonly texts: readonly string[];
      readonly ttl?: number;
    };

/** An event from udp-agent.ts. */
export type AgentEvent =
  | { readonly kind: 'opened'; readonly port: number }
  | ({ readonly kind: 'received' } & Datagram);

/** A received datagram. */
export interface Datagram {
  /** The port that received it. */
  readonly at: number;
  readonly from: string;
  readonly fromPort: number;
  readonly text: string;
}

const DEFAULT_TTL = 64;
const AGENT = fileURLToPath(new URL('./udp-agent.js', import.meta.url));

/** UDP sockets on a host of the lab. */
export class UdpProbe implements AsyncDisposable {
  readonly #host: LabHost;
  readonly #agent: LabProcess;

  private constructor(host: LabHost) {
    this.#host = host;
    this.#agent = host.spawn(process.execPath, [AGENT]);
  }

  /** Opens sockets on these ports of a host: IPv4 if it has that. */
  static open(host: LabHost, ...ports: readonly number[]): Promise<UdpProbe> {
    return UdpProbe.#open(host, host.addresses[4].length > 0 ? '0.0.0.0' : '::', ports);
  }

  /** Opens IPv6 sockets on these ports of a host. */
  static open6(host: LabHost, ...ports: readonly number[]): Promise<UdpProbe> {
    return UdpProbe.#open(host, '::', ports);
  }

  static async #open(host: LabHost, address: string, ports: readonly number[]): Promise<UdpProbe> {
    const probe = new UdpProbe(host);
    for (const port of ports) {
      probe.#order({ kind: 'open', port, address });
    }
    await until(`sockets on ${host.name}: ${probe.#agent.stderr}`, () => {
      return probe.#events().filter(({ kind }) => kind === 'opened').length === ports.length;
    });
    return probe;
  }

  /** Sends datagrams, in order. */
  send(from: number, to: string, port: number, ...texts: readonly string[]): void {
    this.#order({ kind: 'send', from, to, port, texts, ttl: DEFAULT_TTL });
  }

  /** Sends a datagram with a TTL, which the socket keeps. */
  sendWithTtl(ttl: number, from: number, to: string, port: number, text: string): void {
    this.#order({ kind: 'send', from, to, port, texts: [text], ttl });
  }

  /** All datagrams received so far. */
  get received(): Datagram[] {
    return this.#events().flatMap((event) => (event.kind === 'received' ? [event] : []));
  }

  /** Waits for the datagram with this text. */
  receive(text: string): Promise<Datagram> {
    return until(`${text} at ${this.#host.name}`, () =>
      this.received.find((datagram) => datagram.text === text),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.stop();
  }

  #order(order: AgentOrder): void {
    this.#agent.write(`${JSON.stringify(order)}\n`);
  }

  #events(): AgentEvent[] {
    const lines = this.#agent.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as AgentEvent);
  }
}
